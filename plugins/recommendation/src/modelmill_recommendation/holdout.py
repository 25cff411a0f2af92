"""Leave-last-out: each user's newest items are kept from learning, to be guessed.

The platform's splits take rows by the hash of their content, out of the middle of a history, so a
model would learn from what came after what it is asked. Here the last item of each user with at
least three is the test, the one before it the validation, and all before those is learned from.
Axes: U users, M of them measured.
"""

from dataclasses import dataclass

import numpy as np

from modelmill_recommendation.interactions import Histories, Ints

# Fewer leave nothing to learn from, nothing to choose by, or nothing to measure on.
LEAST_ITEMS = 3


@dataclass(frozen=True)
class Questions:
    """Users ``(M,)`` with what is known of each, and the item that came next, ``(M,)``."""

    histories: list[Ints]
    answers: Ints

    def __len__(self) -> int:
        return len(self.histories)


@dataclass(frozen=True)
class Holdout:
    """What is learned from, what is chosen by, and what is measured on."""

    learned: Histories
    validation: Questions
    test: Questions


def holdout_make(histories: Histories, *, most: int, seed: int) -> Holdout:
    """Hold out the last two items of each user with enough of them.

    At most ``most`` users are asked, drawn by ``seed``; what is held out does not depend on it.
    """
    held = np.where(histories.lengths >= LEAST_ITEMS, 2, 0)  # (U,)
    asked = np.flatnonzero(held)
    if len(asked) > most:
        draw = np.random.default_rng((seed, 2))
        asked = np.sort(draw.choice(asked, size=most, replace=False))
    return Holdout(
        learned=_without_last(histories, held),
        validation=_questions(histories, asked, back=2),
        test=_questions(histories, asked, back=1),
    )


def _without_last(histories: Histories, held: Ints) -> Histories:
    lengths = histories.lengths - held
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    owners = np.repeat(np.arange(len(lengths)), histories.lengths)
    places = np.arange(len(histories.items)) - histories.offsets[owners]
    return Histories(offsets, histories.items[places < lengths[owners]])


def _questions(histories: Histories, users: Ints, *, back: int) -> Questions:
    whole = [histories.of(int(user)) for user in users]
    answers = np.array([items[-back] for items in whole], dtype=np.int64)
    return Questions([items[:-back] for items in whole], answers)
