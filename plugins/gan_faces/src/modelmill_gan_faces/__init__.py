"""Faces: a generative adversarial network that learns from a few hundred pictures.

Read in this order: `config` (the shape of a model), `generator`, `discriminator`, `losses`,
`diffaugment`, `trainer` (one training step), `training` (a whole run), `evaluation`, `asking` (what
a customer may ask a model for), `plugin` (what the platform sees). Importing the package imports no
torch; only the plugin's methods do.
"""
