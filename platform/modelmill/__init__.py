"""Modelmill: tenants, datasets, plugins, training, inference and honest bills.

Each folder is a room. A room's tables are its own; others go through its
``services`` (writes) and ``selectors`` (reads). Calls go down the list in
``docs/where-things-live.md``, never up.
"""

__version__ = "0.1.0"
