"""The billing room: what it costs."""
