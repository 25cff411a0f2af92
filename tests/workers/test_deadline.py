"""A plugin ends at its lease's last deadline, whatever its supervisor waits for."""

import threading

from workers.supervisor import deadline as deadline_module
from workers.supervisor.deadline import Deadline


def test_it_ends_the_plugin_from_another_thread_once_the_time_is_over(monkeypatch) -> None:
    monkeypatch.setattr(deadline_module, "_EVERY_S", 0.01)
    is_over, has_ended = threading.Event(), threading.Event()
    ends = []

    def end() -> None:
        ends.append(threading.current_thread().name)
        has_ended.set()

    with Deadline(is_over=is_over.is_set, end=end) as deadline:
        assert not deadline.has_ended
        is_over.set()
        assert has_ended.wait(5)
        assert deadline.has_ended
    assert ends == ["deadline"]


def test_a_training_that_ends_in_time_is_left_alone() -> None:
    ends: list[None] = []
    with Deadline(is_over=lambda: False, end=lambda: ends.append(None)) as deadline:
        pass
    assert not ends and not deadline.has_ended
