"""The registry room: what was made."""
