"""Trying a plugin in a test: no server, no database.

``train_once`` and ``predict_once`` call the very functions that the host calls, in this process;
``dataset_write`` makes the folder that a plugin's data comes in. This is level L0 of isolation,
none: for an author's own plugin on an author's own machine. ``check_plugin`` is the conformance
kit: a plugin that passes it keeps every promise the platform counts on.
"""

from modelmill_sdk.testing.checking import check_plugin
from modelmill_sdk.testing.datasets import dataset_write
from modelmill_sdk.testing.once import predict_once, train_once, validate_once
from modelmill_sdk.testing.recording import Recorder

__all__ = [
    "Recorder",
    "check_plugin",
    "dataset_write",
    "predict_once",
    "train_once",
    "validate_once",
]
