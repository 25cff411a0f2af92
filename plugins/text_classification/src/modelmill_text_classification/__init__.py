"""Tell what a text is about, learned from labelled examples."""
