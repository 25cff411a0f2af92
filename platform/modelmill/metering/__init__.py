"""The metering room: what was used."""
