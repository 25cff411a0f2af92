"""Documents that workers make: PDFs, from templates."""
