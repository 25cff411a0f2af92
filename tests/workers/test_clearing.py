"""Folders that plugins wrote to are cleared away, however deep they made them."""

import pytest
from modelmill.core.scratch import folder_clear, scratch_folder
from modelmill_fakes.learning import burrow
from modelmill_sdk.errors import PluginError

from workers.supervisor.folders import folder_files


def test_a_scratch_folder_goes_with_all_that_is_in_it() -> None:
    with scratch_folder("test") as folder:
        (folder / "file").write_text("words")
        burrow(folder)
    assert not folder.exists()
    folder_clear(folder)


def test_a_model_in_folders_too_deep_to_list_is_refused(tmp_path) -> None:
    with scratch_folder("test") as folder:
        burrow(folder)
        with pytest.raises(PluginError, match="cannot be listed"):
            folder_files(folder)
