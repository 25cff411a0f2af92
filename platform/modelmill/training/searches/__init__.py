"""Searches: many trainings of one plugin on the same data, to find the parameters that serve best.

A search's trials are jobs like any other. What to try next and whom to stop is
decided by a worker (``workers.searching``); here are the rows, the checks and
the writes.
"""
