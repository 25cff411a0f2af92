"""The training room: the story of a training."""
