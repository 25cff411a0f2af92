"""Ids in the order they were made, even while the clock goes back."""

from modelmill.core import ids


def test_ids_of_a_sequence_grow_while_the_clock_goes_back(monkeypatch) -> None:
    sequence = ids.IdSequence("event")
    made = [sequence.next_id() for _ in range(1_000)]
    an_hour_ago = ids.time.time_ns() - 3_600_000_000_000
    monkeypatch.setattr(ids.time, "time_ns", lambda: an_hour_ago)
    made += [sequence.next_id() for _ in range(1_000)]
    assert made == sorted(set(made))
    assert {len(one) for one in made} == {len(ids.new_id("event"))}
