"""Predict a column of a table from the others.

Read in this order: `tables` (columns as they come), `columns` (what each means), `encoding` (what
the models read), `targets`, `boosting`, `network`, `learning`, `choosing`, `training`,
`predicting`.
"""
