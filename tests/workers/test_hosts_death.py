"""How a plugin's process ends: by itself, by us, with us, and never after us."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import psutil
import pytest
from modelmill_sdk.protocol import ModelLoad
from modelmill_sdk.tools.fencing import bubblewrap_find

from tests.processes import is_gone
from workers.hosts import HostDied, HostProcess, HostSpec

FAKES = Path(__file__).parents[1] / "fakes"


def held() -> tuple[int, int]:
    """Count our threads and open descriptors."""
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


def trouble(talk, do: str) -> None:
    talk.load("fake-trouble")
    talk.ask({"do": do})


def test_a_killed_child_says_by_what_and_its_last_words(talk) -> None:
    trouble(talk, "die")
    with pytest.raises(HostDied) as caught:
        talk.until("predict_done")
    assert caught.value.exit_code == -signal.SIGKILL
    assert caught.value.signal_name == "SIGKILL"
    assert "last words" in caught.value.stderr_tail
    with pytest.raises(HostDied):
        talk.host.send(ModelLoad(plugin_id="x", model_dir=talk.folder))


def test_a_crash_in_c_leaves_its_traceback(talk) -> None:
    trouble(talk, "crash")
    with pytest.raises(HostDied) as caught:
        talk.until("predict_done")
    assert caught.value.signal_name == "SIGSEGV"
    assert "_crash" in caught.value.stderr_tail


def test_messages_sent_before_a_death_are_still_received(talk) -> None:
    talk.load("fake-trouble")
    talk.ask({"do": "environment"}, request_id="r1")
    talk.ask({"do": "die"}, request_id="r2")
    while talk.host.is_alive:
        talk.host._waiter.join(10)
    assert talk.host.receive(0).type == "result"
    assert talk.host.receive(0).type == "predict_done"
    with pytest.raises(HostDied):
        talk.host.receive(0)


@pytest.mark.parametrize("do", ["hang", "hold"])
def test_kill_ends_a_child_whatever_it_does(talk, do) -> None:
    trouble(talk, do)
    talk.host.kill()
    assert not talk.host.is_alive
    with pytest.raises(HostDied) as caught:
        talk.host.receive(10)
    assert caught.value.signal_name == "SIGKILL"


def test_a_host_outlives_the_signal_that_is_meant_for_its_worker(talk) -> None:
    parent = psutil.Process(talk.host.pid).parent()
    talk.load("fake-trouble")
    os.kill(talk.host.pid, signal.SIGTERM)
    if parent is not None and parent.pid != os.getpid():
        # What it was forked from, which it would end with.
        parent.terminate()
    talk.ask({"do": "environment"})
    assert talk.until("predict_done", "failed")[-1].type == "predict_done"
    assert talk.host.is_alive


def test_what_a_plugin_starts_can_be_ended_by_that_signal(talk) -> None:
    trouble(talk, "grandchild")
    grandchild = int(talk.until("predict_done")[0].text)
    os.kill(grandchild, signal.SIGTERM)
    assert is_gone(grandchild)
    talk.ask({"do": "end_child"}, request_id="r2")
    assert int(talk.until("predict_done")[0].text) == -signal.SIGTERM


@pytest.mark.skipif(bubblewrap_find() is None, reason="bubblewrap is not installed")
def test_bubblewrap_and_all_inside_outlive_it_too(talk_start) -> None:
    talk = talk_start(level="L2")
    talk.load("fake-trouble")
    inside = psutil.Process(talk.host.pid).children(recursive=True)
    for process in (psutil.Process(talk.host.pid), *inside):
        process.terminate()
    talk.ask({"do": "environment"})
    assert talk.until("predict_done", "failed")[-1].type == "predict_done"


def test_kill_ends_the_whole_group(talk) -> None:
    trouble(talk, "grandchild")
    grandchild = int(talk.until("predict_done")[0].text)
    assert psutil.pid_exists(grandchild)
    talk.host.kill()
    assert is_gone(grandchild)


def test_the_group_goes_when_the_child_dies_by_itself(talk) -> None:
    trouble(talk, "grandchild")
    grandchild = int(talk.until("predict_done")[0].text)
    talk.ask({"do": "die"}, request_id="r2")
    with pytest.raises(HostDied):
        talk.until("predict_done", timeout_s=10)
    assert is_gone(grandchild)


def test_closing_twice_and_killing_after_is_harmless(talk) -> None:
    talk.host.close()
    talk.host.close()
    talk.host.kill()
    assert not talk.host.is_alive


def test_closing_leaves_no_descriptor_and_no_thread_behind(talk_start) -> None:
    talk_start().host.close()
    threads_before, fds_before = (
        threading.active_count(),
        len(list(Path("/proc/self/fd").iterdir())),
    )
    for _ in range(3):
        talk_start().host.close()
    # Not equal: another test's last thread may end just now.
    assert threading.active_count() <= threads_before
    # Three that left something would leave three; one may be a timer's or a logger's.
    assert len(list(Path("/proc/self/fd").iterdir())) < fds_before + 3


def test_a_child_that_does_not_read_is_ended(talk_start) -> None:
    talk = talk_start(send_timeout_s=0.3)
    os.kill(talk.host.pid, signal.SIGSTOP)
    with pytest.raises(HostDied, match="did not read its pipe"):
        for _ in range(10):
            talk.ask({"do": "x" * 100_000})


def test_a_child_that_nobody_listens_to_waits_and_can_be_closed(talk) -> None:
    talk.load("fake-speaker")
    talk.ask({"prompt": "word " * 20_000})
    talk.host.close()
    assert not talk.host.is_alive


def test_a_program_that_is_no_host_is_reported(tmp_path) -> None:
    with pytest.raises(HostDied) as caught:
        HostProcess.start(HostSpec(scratch_dir=tmp_path / "s", python=Path("/bin/false")))
    assert caught.value.exit_code == 1


def test_a_host_started_by_a_short_lived_thread_lives_on(talk_start) -> None:
    started = []
    thread = threading.Thread(target=lambda: started.append(talk_start()))
    thread.start()
    thread.join()
    (talk,) = started
    talk.load("fake-echo")
    talk.ask({"value": "still here"})
    assert talk.until("predict_done")[0].text == "still here"


PARENT = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from modelmill_sdk.protocol import ModelLoad, PredictStart
    from workers.hosts import HostProcess, HostSpec
    from workers.hosts.forkers import forker_prepare

    scratch, fakes, do, *warm = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
    forker = forker_prepare(tuple(warm), device="cpu")
    while forker is not None and not forker.is_ready:
        time.sleep(0.01)
    host = HostProcess.start(
        HostSpec(scratch_dir=scratch, python_paths=(fakes,), warm_imports=tuple(warm))
    )
    assert host._is_forked == bool(warm)
    (scratch / "model").mkdir()
    host.send(ModelLoad(plugin_id="fake-trouble", model_dir=scratch / "model"))
    host.receive(30)
    if do != "idle":
        host.send(PredictStart(request_id="r", inputs=[{"do": do}], out_dir=scratch / "out"))
        while not (scratch / "out").exists():
            time.sleep(0.01)
    print(host.pid, flush=True)
    time.sleep(3600)
    """
)


@pytest.mark.parametrize("warm", [(), ("decimal",)], ids=["fresh", "forked"])
@pytest.mark.parametrize("do", ["idle", "hang", "hold"])
def test_the_child_dies_with_its_parent(tmp_path, do, warm) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "scratch"), str(FAKES), do, *warm]
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    parent = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert is_gone(child)
