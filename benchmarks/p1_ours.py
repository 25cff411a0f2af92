"""Our arm of P1: the plugin's own training, from PNG files to a calibrated, reported model.

``p1_ours.py DATA PARAMS SEED`` prints CPU seconds of all of it and accuracy as JSON.
"""

import importlib
import json
import shutil
import sys
import time
from pathlib import Path

from modelmill_image_classification.plugin import ImageClassification
from modelmill_sdk.testing import train_once

# Making torch's optimizers imports its compiler, reading Parquet all of pandas: a host has both.
IMPORTED = (
    "datasets",
    "transformers.modeling_utils",
    "modelmill_image_classification.training",
    "modelmill_image_classification.evaluation",
)


def main(data: str, params: str, seed: int) -> None:
    """Train with these parameters; the test split is the peer's."""
    # Imports are no part of either arm's seconds; a worker's hosts have these ahead, too.
    for name in IMPORTED:
        importlib.import_module(name)
    work = Path(data).parent / f"work-{seed}"
    shutil.rmtree(work, ignore_errors=True)
    began_s = time.process_time()
    _, metrics = train_once(ImageClassification, Path(data), json.loads(params), work, seed)
    spent_s = time.process_time() - began_s
    kept = ("accuracy", "calibration_error", "log_loss")
    print(json.dumps({"seconds": spent_s, **{name: metrics[name] for name in kept}}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
