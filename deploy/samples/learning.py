"""A plugin that has learnt from the example of a kind of data, ready to be asked."""

import base64
import inspect
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelmill.datasets.examples import example_make
from modelmill_sdk import Plugin
from modelmill_sdk.data import TrainData
from modelmill_sdk.testing import predict_once, train_once
from modelmill_sdk.tools.raw import dataset_of
from PIL import Image

SEED = 7


class Learnt:
    """A trained model, and the held-out rows that it never saw."""

    def __init__(
        self, plugin: type[Plugin], raw: Path, folder: Path, params: Mapping[str, Any]
    ) -> None:
        self._plugin = plugin
        data_dir = dataset_of(raw, folder / "data")
        self._model_dir, _ = train_once(plugin, data_dir, params, folder / "work", seed=SEED)
        self.held_out = list(TrainData(data_dir, cache_dir=folder / "arrow")["test"])

    def asked(self, inputs: Sequence[Mapping[str, Any]], **params: Any) -> list[Any]:
        """Answer the inputs."""
        return predict_once(self._plugin, self._model_dir, inputs, params, seed=SEED)


def example_written(kind: str, folder: Path) -> Path:
    """Write the example of a kind as a customer has it on the disk; a zip is unpacked."""
    name, content = example_make(kind)
    path = folder / name
    path.write_bytes(content)
    if path.suffix != ".zip":
        return path
    with zipfile.ZipFile(path) as archive:
        archive.extractall(path.with_suffix(""))
    return path.with_suffix("")


def beside(plugin: type[Plugin], name: str) -> Path:
    """Give the path of a sample beside a plugin's module."""
    return Path(inspect.getfile(plugin)).parent / name


def base64_of(picture: Image.Image) -> str:
    """Write a picture as an input takes it."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()
