"""Files in a plugin's folders are read where they were checked, whatever it makes of the way."""

import os
import threading
from pathlib import Path

import pytest

from workers.hosts.identity import Identity
from workers.hosts.opening import file_open
from workers.supervisor.folders import folder_archive

pytestmark = pytest.mark.django_db


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder of ours that no plugin is to have a word of."""
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "weights").write_text("canary")
    return folder


def test_an_ordinary_file_is_opened(secret) -> None:
    with file_open(secret / "weights") as stream:
        assert stream.read() == b"canary"


@pytest.mark.parametrize(
    "path", ["link/weights", "last", "deep/../../ours/weights", "pipe", "deep"]
)
def test_a_link_on_the_way_and_what_is_no_file_are_refused(tmp_path, secret, path) -> None:
    theirs = tmp_path / "theirs"
    (theirs / "deep").mkdir(parents=True)
    (theirs / "link").symlink_to(secret)
    (theirs / "last").symlink_to(secret / "weights")
    os.mkfifo(theirs / "pipe")
    with pytest.raises(OSError):
        file_open(theirs / path)


def test_nothing_is_handed_over_behind_a_link(tmp_path, secret) -> None:
    (tmp_path / "out").symlink_to(secret)
    with pytest.raises(OSError):
        Identity(31_234).own(tmp_path / "out" / "0")
    assert not (secret / "0").exists()
    assert (secret / "weights").stat().st_uid == os.getuid()


def test_a_checkpoint_is_archived_past_a_link_in_the_plugins_folder(
    acme, settings, tmp_path, secret
) -> None:
    settings.MEDIA_ROOT = tmp_path / "storage"
    checkpoint = tmp_path / "scratch" / "step-1"
    checkpoint.mkdir(parents=True)
    (checkpoint / "state").write_text("theirs")
    (checkpoint.parent / "checkpoint.tar").symlink_to(secret / "weights")
    with acme.scope():
        folder_archive(checkpoint)
    assert (secret / "weights").read_text() == "canary"


def test_a_folder_swapped_while_it_is_read_gives_nothing_away(tmp_path, secret) -> None:
    inner = tmp_path / "scratch" / "inner"
    inner.mkdir(parents=True)
    (inner / "weights").write_text("theirs")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            inner.rename(inner.with_name("kept"))
            inner.symlink_to(secret)
            inner.unlink()
            inner.with_name("kept").rename(inner)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        seen = {_read(inner / "weights") for _ in range(2_000)}
    finally:
        done.set()
        thread.join()
    assert seen <= {"theirs", ""}


def _read(path: Path) -> str:
    try:
        with file_open(path) as stream:
            return stream.read().decode()
    except OSError:
        return ""
