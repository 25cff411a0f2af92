"""The web room: the HTML door."""
