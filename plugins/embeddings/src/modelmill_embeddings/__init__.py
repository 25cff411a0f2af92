"""Sentence embeddings from an encoder that the operator installs."""
