"""Folders that plugins wrote to are cleared away, however deep they made them."""

import os
from pathlib import Path

import pytest
from modelmill_sdk.errors import PluginError

from workers.hosts.clearing import folder_clear, scratch_folder
from workers.supervisor.folders import folder_files


def _burrow(folder: Path, *, depth: int = 3_000) -> None:
    fd = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)


def test_a_scratch_folder_goes_with_all_that_is_in_it() -> None:
    with scratch_folder("modelmill-test-") as folder:
        (folder / "file").write_text("words")
        _burrow(folder)
    assert not folder.exists()
    folder_clear(folder)


def test_a_model_in_folders_too_deep_to_list_is_refused(tmp_path) -> None:
    with scratch_folder("modelmill-test-") as folder:
        _burrow(folder)
        with pytest.raises(PluginError, match="cannot be listed"):
            folder_files(folder)
