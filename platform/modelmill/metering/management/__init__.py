"""The metering room's commands."""
