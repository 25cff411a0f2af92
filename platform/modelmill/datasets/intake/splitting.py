"""Which split a row is for: decided by its content alone, so it never moves between versions."""

from collections.abc import Sequence

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)

# Below this many rows the shares are made exact, by rank among the hashes.
RANKED_ROWS = 1_000

_PARTS = 10


def split_by_hash(key: bytes) -> str:
    """Return the split of a row of a big dataset: a tenth is test, a tenth validation.

    ``key`` is the SHA-256 of the content; its lowest tenth is the test split.
    """
    part = int.from_bytes(key[:8], "big") * _PARTS >> 64
    return (TEST, VALIDATION)[part] if part < 2 else TRAIN


def splits_by_rank(keys: Sequence[bytes]) -> list[str]:
    """Return the splits of all rows of a small dataset, in their order.

    The lowest tenth of the hashes is test, the next validation, so that a row
    stays where ``split_by_hash`` would put it but near the borders. From three
    different contents on no split is empty; two are train and validation, one
    is train. Equal contents share a split.
    """
    ranked = sorted(set(keys))
    share = max(1, round(len(ranked) / _PARTS))
    tests = share if len(ranked) > 2 else 0
    validations = share if len(ranked) > 1 else 0
    places = dict.fromkeys(ranked[:tests], TEST)
    places |= dict.fromkeys(ranked[tests : tests + validations], VALIDATION)
    return [places.get(key, TRAIN) for key in keys]
