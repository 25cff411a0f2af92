"""What a hostile plugin tries is denied or contained, and the house goes on.

After each probe the worker's next piece of work must succeed. ``make escapes`` prints the table.
"""

import re
import time
from collections import Counter
from pathlib import Path

import pytest
from modelmill.inference.pricing import usage_capped

from tests.escapes.house import LEVELS, heard
from tests.escapes.probes import ASKED, COUNTED, ENDED, EVERY, LEFT, USED_UP
from workers.hosts import HostDied
from workers.hosts.opening import file_open
from workers.hosts.output import MAX_TAIL_BYTES


def named(probes):
    return pytest.mark.parametrize("probe", probes, ids=lambda probe: probe.name)


def leveled(probes):
    pairs = [(level, probe) for level in LEVELS for probe in probes if level in probe.levels]
    ids = [f"{level}-{probe.name}" for level, probe in pairs]
    return pytest.mark.parametrize(("level", "probe"), pairs, ids=ids, indirect=["level"])


@leveled(ASKED)
def test_what_is_asked_is_denied(house, asked, level, probe, require, row) -> None:
    host = asked(level)
    require(host, probe)

    answer = house.answer(host, probe.name)

    assert "denied" in answer, f"{probe.name} got {answer}"
    assert not Path("/dev/shm", house.targets["shared_memory_name"]).exists()
    assert list(house.outside.iterdir()) == []
    row(probe, level, answer["denied"])
    assert house.is_well()


@leveled(USED_UP)
def test_what_is_used_up_is_bounded(house, level, probe, require, row) -> None:
    host = house.host(level=level, **probe.options)
    require(host, probe)
    try:
        answer = house.answer(host, probe.name)
        said = answer.get("denied", "")
        is_bounded = "denied" in answer or probe.name.startswith("outlive")
        assert is_bounded, f"{probe.name} got {answer}"
        assert len(host.output_tail()) <= MAX_TAIL_BYTES
    except HostDied as death:
        assert probe.dies, death
        _matches(death, probe)
        said = str(death)
    host.close()
    assert host._members.pids() == set()
    row(probe, level, said or "ended with its host")
    assert house.is_well()


@named(ENDED)
def test_every_end_is_seen(house, probe, row) -> None:
    host = house.host(level="L1")
    house.ask(host, probe.name)
    if probe.dies:
        with pytest.raises(HostDied) as caught:
            heard(host, "predict_done")
        _matches(caught.value, probe)
        said = str(caught.value)
    else:
        assert host.receive(0.3) is None
        began = time.monotonic()
        host.kill()
        assert not host.is_alive
        said = f"killed in {(time.monotonic() - began) * 1000:.0f} ms"
    host.close()
    assert host._members.pids() == set()
    row(probe, "L1", said)
    assert house.is_well()


@named(LEFT)
def test_what_is_left_where_a_file_should_be_is_not_opened(house, asked, probe, row) -> None:
    # Only there can a socket be made at all.
    host = asked("L1 GPU")
    house.ask(host, probe.name)
    said = heard(host, "result")

    with pytest.raises(OSError) as caught:
        file_open(said[0].path)

    heard(host, "predict_done")
    row(probe, "L1", str(caught.value))
    assert house.is_well()


@named(COUNTED)
def test_a_false_count_costs_nobody_more(house, asked, probe, row) -> None:
    host = asked("L1")
    house.ask(host, probe.name)
    counts = Counter(heard(host, "predict_done")[-1].counts)
    heard(host, "predict_done")

    charged = usage_capped(dict(counts), bound={"requests": 1, "images": 2})

    assert charged.get("images", 0) <= 2 and set(charged) <= {"requests", "images"}
    assert charged.get("requests", 1) == 1
    row(probe, "L1", f"charged {charged}")
    assert house.is_well()


def test_the_corpus_is_large_enough_and_every_probe_is_there_once() -> None:
    names = [probe.name for probe in EVERY]
    assert len(names) == len(set(names)) >= 40


def _matches(death: HostDied, probe) -> None:
    assert re.search(probe.dies, str(death)), f"{death}\n{death.stderr_tail[-500:]}"
