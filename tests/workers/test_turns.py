"""How many predictions of one model a worker takes on."""

from contextlib import ExitStack

from workers.serving.turns import Turns


def test_one_key_is_taken_on_so_often_and_others_still_are() -> None:
    turns = Turns(2)
    with ExitStack() as held:
        assert [held.enter_context(turns.one("busy")) for _ in range(3)] == [True, True, False]
        assert held.enter_context(turns.one("quiet"))
    with turns.one("busy") as may:
        assert may


def test_it_remembers_once_that_something_was_left_waiting() -> None:
    turns = Turns(1)
    with turns.one("busy"):
        assert not turns.left_waiting("busy")
        with turns.one("busy") as may:
            assert not may
    assert turns.left_waiting("busy")
    assert not turns.left_waiting("busy")
