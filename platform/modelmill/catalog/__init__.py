"""The catalog room: what can be made."""
