"""Random histories of a job's operations by many clients, and the judge who reads them."""
