"""The datasets room: what they bring."""
