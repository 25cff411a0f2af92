"""Image classification: tells what is in a picture, learned from labelled examples.

Read in this order: `config` (the shape of a model), `small` and `borrowed` (the networks),
`examples` (what is learned from), `drawing_lots` (which rows a batch holds), `augmentation` and
`mirroring` (how they are varied), `plans` (every choice made), `trainer` (one step), `training` (a
whole run), `calibration`, `reports`, `explanations`, `answers`, `plugin` (what the platform sees).
Importing the package imports no torch; only the plugin's methods do.
"""
