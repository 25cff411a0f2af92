"""The core room's commands."""
