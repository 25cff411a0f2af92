"""The inference room: the story of a use."""
