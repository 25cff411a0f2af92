"""Which examples share a row, so that few places of it stay empty."""

import random
from collections.abc import Sequence

from modelmill_text_generation.examples import Example

# Rows that wait for a short example; more would fill little better and cost a longer search.
_OPEN_ROWS = 64


def fill_packs(
    examples: Sequence[Example], *, size: int, seed: int, most: int | None = None
) -> list[list[int]]:
    """Give each row's examples by number: the fullest waiting row that has room takes the next.

    Best fit among a bounded number of rows, in an order that the seed shuffles. No example may be
    longer than ``size``; ``most`` limits how many share a row.
    """
    order = list(range(len(examples)))
    random.Random(seed).shuffle(order)
    done: list[list[int]] = []
    waiting: list[tuple[int, list[int]]] = []
    for number in order:
        length = len(examples[number].ids)
        fitting = [at for at, (room, _) in enumerate(waiting) if room >= length]
        if fitting:
            room, pack = waiting.pop(min(fitting, key=lambda at: waiting[at][0]))
        else:
            room, pack = size, []
        pack.append(number)
        if len(pack) == most or room - length < 2:
            done.append(pack)
        else:
            waiting.append((room - length, pack))
        if len(waiting) > _OPEN_ROWS:
            fullest = min(range(len(waiting)), key=lambda at: waiting[at][0])
            done.append(waiting.pop(fullest)[1])
    return done + [pack for _, pack in waiting]
