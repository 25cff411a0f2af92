"""Base models as folders: which of them can be opened, and why the others are left out."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import pytest
from modelmill_sdk import CustomerError, bases
from modelmill_sdk.bases import PICKLED, WEIGHTLESS, base_folder, base_names, bases_left_out
from modelmill_sdk.plugin import LeftOut

TEXT = {"vocab_size": 9}


def _zipped() -> bytes:
    """What torch.save writes since version 1.6: a zip with a pickle in it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    return content.getvalue()


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELMILL_BASE_MODELS", str(tmp_path))

    def make(name: str, files: dict[str, bytes], config: dict | None = None) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(TEXT if config is None else config))
        for file, content in files.items():
            (folder / file).write_bytes(content)
        return folder

    return make


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("pytorch_model.bin", pickle.dumps([1], protocol=2)),
        ("pytorch_model-00001-of-00002.bin", _zipped()),
        ("model.pt", b"anything"),
        ("model.ckpt", b""),
    ],
)
def test_a_folder_of_pickles_alone_is_left_out_with_the_reason(base, file, content) -> None:
    base("old", {file: content})
    base("new", {"model.safetensors": b"", file: content})
    assert base_names() == ["new"]
    assert bases_left_out(lambda config: True) == [LeftOut(folder="old", reason=PICKLED)]
    with pytest.raises(CustomerError, match=r"no base model 'old'\. Installed: new"):
        base_folder("old")


def test_one_is_found_without_a_look_into_the_others(base, monkeypatch) -> None:
    folder = base("new", {"model.safetensors": b""})
    base("old", {"model.pt": b""})
    seen = []
    monkeypatch.setattr(bases, "base_refusal", lambda one: seen.append(one.name) or "")
    assert base_folder("new") == folder
    assert seen == ["new"]


def test_a_folder_without_weights_is_told_of(base) -> None:
    base("bare", {"model.onnx": b"PK is not always a zip"})
    assert bases_left_out(lambda config: True) == [LeftOut(folder="bare", reason=WEIGHTLESS)]


def test_only_what_looks_like_the_plugins_own_is_told_of(base) -> None:
    base("writer", {"model.pt": b""})
    base("seer", {"model.pt": b""}, {"num_channels": 3})
    assert [one.folder for one in bases_left_out(lambda config: "vocab_size" in config)] == [
        "writer"
    ]


def test_without_a_folder_nothing_is_left_out(monkeypatch) -> None:
    monkeypatch.delenv("MODELMILL_BASE_MODELS", raising=False)
    assert bases_left_out(lambda config: True) == []
