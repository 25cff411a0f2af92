"""Template tags of the HTML doors."""
