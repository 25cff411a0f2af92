"""Faces: a generative adversarial network that learns from a few hundred pictures.

Read in this order: `config` (the shape of a model), `generator`, `discriminator`, `losses`,
`diffaugment`, `ema`, `trainer` (one training step), `training` (a whole run), `plugin` (what the
platform sees). Importing the package imports no torch; only the plugin's methods do.
"""
