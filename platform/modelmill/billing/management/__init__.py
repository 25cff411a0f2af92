"""The billing room's commands."""
