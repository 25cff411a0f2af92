"""The cockpit room: the operator's door."""
