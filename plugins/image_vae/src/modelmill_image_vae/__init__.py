"""Pictures, encoded: a variational autoencoder that rebuilds, draws and blends pictures.

Read in this order: `config`, `networks`, `losses`, `trainer` (one step), `training` (a run),
`evaluation`, `answers` (what may be asked), `plugin`. Importing the package imports no torch.
"""
