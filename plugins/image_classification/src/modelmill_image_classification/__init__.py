"""Tell what is in a picture, learned from labelled examples."""
