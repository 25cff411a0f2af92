"""A plugin that takes pandas along when it is described; torch would be the same, only slower."""

import pandas  # noqa: F401
from mill_wrong_base import Right


class Heavy(Right):
    breaks = "describes-light"
