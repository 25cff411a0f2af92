"""What a plugin's process cannot see, say or keep."""

import contextlib
import os
import shutil
from pathlib import Path

import psutil
import pytest
from modelmill_sdk.protocol import ModelLoad

from tests.environments import open_packages_copy, open_python_find
from workers.hosts import HostDied, identity
from workers.hosts.identity import Identity, reachable

FAKES = Path(__file__).parents[1] / "fakes"
SECRETS = {
    "DATABASE_URL": "postgres://mill:canary@db/mill",
    "REDIS_URL": "redis://:canary@cache/0",
    "DJANGO_SETTINGS_MODULE": "canary.settings",
    "SECRET_KEY": "canary",
    "AWS_SECRET_ACCESS_KEY": "canary",
    "HTTPS_PROXY": "http://canary@proxy",
}
ALLOWED = {
    "PATH", "HOME", "USER", "TMPDIR", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_OFFLINE",
    "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "TOKENIZERS_PARALLELISM",
    "PYDANTIC_DISABLE_PLUGINS",
    "PYTHONUNBUFFERED", "PYTHONSAFEPATH", "PYTHONNOUSERSITE", "PYTHONIOENCODING", "PYTHONPATH",
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY",
    "CUDA_VISIBLE_DEVICES",
    "MODELMILL_BASE_MODELS", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH",
}  # fmt: skip


def answer(talk, do: str):
    talk.load("fake-trouble")
    talk.ask({"do": do})
    return talk.until("predict_done", "failed")[0]


def test_the_environment_holds_no_secret(talk_start, monkeypatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    talk = talk_start()
    found = answer(talk, "environment").value
    assert set(found["environment"]) <= ALLOWED
    assert "canary" not in str(found["environment"])
    assert "canary" not in Path(f"/proc/{talk.host.pid}/environ").read_text()
    assert "canary" not in Path(f"/proc/{talk.host.pid}/cmdline").read_text()
    assert found["environment"]["HOME"] == found["cwd"] == str(talk.folder)


def test_no_file_of_the_parents_is_open_in_the_child(talk_start, tmp_path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        found = answer(talk_start(), "descriptors").value["descriptors"]
    kept = {fd for fd, target in found.items() if "pipe:" in target}
    # stdout, stderr and the two pipes; stdin is /dev/null, and listing takes one.
    assert len(kept) == 4
    assert found["0"] == "/dev/null"
    assert str(tmp_path / "open") not in found.values()


def test_a_child_of_the_plugins_gets_no_pipe_to_the_platform(talk) -> None:
    grandchild = int(answer(talk, "grandchild").text)
    pipes = []
    for link in Path(f"/proc/{grandchild}/fd").iterdir():
        # A program that has only begun opens and closes libraries meanwhile.
        with contextlib.suppress(FileNotFoundError):
            target = str(link.readlink())
            if int(link.name) > 2 and target.startswith(("pipe:", "socket:")):
                pipes.append((link.name, target))
    assert pipes == []


def test_rubbish_on_the_pipe_ends_the_child_and_not_the_parent(talk) -> None:
    with pytest.raises(HostDied, match="broke the protocol"):
        answer(talk, "raw")
    assert not talk.host.is_alive


def test_a_link_out_of_its_folders_cannot_be_written_through(talk, tmp_path) -> None:
    talk.load("fake-echo")
    (talk.folder / "out").mkdir()
    (talk.folder / "out" / "r1-0.png").symlink_to(tmp_path / "elsewhere.png")
    talk.ask({"kind": "image", "value": "blue"})
    assert "PermissionError" in talk.until("predict_done", "failed")[-1].message
    assert not (tmp_path / "elsewhere.png").exists()


def test_the_child_can_write_no_core_and_no_endless_file(talk_start) -> None:
    talk = talk_start(max_file_bytes=1 << 20)
    limits = Path(f"/proc/{talk.host.pid}/limits").read_text()
    by_name = {line[:26].strip(): line[26:].split() for line in limits.splitlines()}
    assert by_name["Max core file size"][:2] == ["0", "0"]
    assert by_name["Max file size"][:2] == [str(1 << 20)] * 2
    assert "NoNewPrivs:\t1" in Path(f"/proc/{talk.host.pid}/status").read_text()


def test_it_runs_in_a_session_of_its_own(talk) -> None:
    assert os.getsid(talk.host.pid) == talk.host.pid != os.getsid(0)


def test_a_folder_below_a_closed_one_is_not_reachable(tmp_path) -> None:
    closed = tmp_path / "closed"
    (closed / "open").mkdir(parents=True)
    closed.chmod(0o700)
    assert not reachable(closed / "open", uid=os.getuid() + 1)
    assert reachable(Path("/usr/bin"), uid=os.getuid() + 1)
    assert not reachable(Path("/no/such/folder"), uid=os.getuid() + 1)


def test_a_folder_is_handed_over_without_following_links(tmp_path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can hand over files")
    outside = tmp_path / "outside"
    outside.write_text("mine")
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "file").write_text("theirs")
    (folder / "link").symlink_to(outside)
    Identity(31_234).own(folder)
    assert (folder / "deep" / "file").stat().st_uid == 31_234
    assert (folder / "link").lstat().st_uid == 31_234
    assert outside.stat().st_uid == 0


@pytest.fixture
def open_python(tmp_path_factory) -> tuple[Path, tuple[Path, ...], Path]:
    """Give an interpreter that any user may run, our packages for it, and a reachable folder."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a process as another user")
    python = open_python_find()
    if python is None:
        pytest.skip("no Python of this version here that other users may run")
    folder = Path("/tmp") / f"modelmill-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    shutil.copytree(FAKES, folder / "fakes")
    open_packages_copy(folder)
    yield python, (folder / "fakes", folder / "site"), folder
    shutil.rmtree(folder)


def test_root_starts_it_as_a_user_of_its_own(open_python, talk_start) -> None:
    python, paths, folder = open_python
    talk = talk_start(scratch_dir=folder / "scratch", python=python, python_paths=paths)
    uid = answer(talk, "environment").value["uid"]
    assert 30_000 <= uid < 50_000
    assert (talk.folder / "out").stat().st_uid == uid
    status = Path(f"/proc/{talk.host.pid}/status").read_text().splitlines()
    assert "Groups:" in [line.strip() for line in status]
    other = talk_start(scratch_dir=folder / "other", python=python, python_paths=paths)
    assert other.host._identity.uid != uid


def test_not_even_a_process_in_a_session_of_its_own_outlives_it(open_python, talk_start) -> None:
    python, paths, folder = open_python
    talk = talk_start(scratch_dir=folder / "scratch", python=python, python_paths=paths)
    escaped = int(answer(talk, "escape").text)
    assert psutil.Process(escaped).is_running()
    talk.host.close()
    with contextlib.suppress(psutil.NoSuchProcess):
        assert psutil.Process(escaped).status() == psutil.STATUS_ZOMBIE


def test_a_folder_its_user_cannot_read_is_named(open_python, talk_start) -> None:
    python, paths, folder = open_python
    talk = talk_start(scratch_dir=folder / "scratch", python=python, python_paths=paths)
    (folder / "closed").mkdir(mode=0o700)
    with pytest.raises(PermissionError, match="closed must be in the scratch folder"):
        talk.host.send(ModelLoad(plugin_id="fake-echo", model_dir=folder / "closed"))


def test_an_interpreter_that_only_root_can_read_runs_as_its_own_user_all_the_same(
    talk_start, tmp_path, caplog
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can start a process as another user")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    identity._said.clear()
    talk = talk_start(scratch_dir=closed / "scratch")
    assert answer(talk, "environment").value["uid"] >= 30_000
    assert "not readable by other users" in caplog.text
    assert "may read closed folders" in talk.host.fences["user"]


def test_a_folder_is_read_where_the_host_was_started_with_it_and_nowhere_else(
    talk_start, tmp_path
) -> None:
    for name in ("given", "other"):
        (tmp_path / name).mkdir()
    talk = talk_start(readable=(tmp_path / "given",))
    talk.host.send(ModelLoad(plugin_id="fake-echo", model_dir=tmp_path / "given"))
    talk.until("loaded")
    with pytest.raises(PermissionError, match="named when the host is started"):
        talk.host.send(ModelLoad(plugin_id="fake-echo", model_dir=tmp_path / "other"))


def test_without_bubblewrap_a_plugin_of_the_second_level_is_refused(
    talk_start, monkeypatch
) -> None:
    monkeypatch.setattr("workers.hosts.starting.bubblewrap_find", lambda: None)
    with pytest.raises(HostDied, match="bubblewrap is not installed"):
        talk_start(level="L2")
