"""Public identifiers: a prefix that names the kind, and a time-ordered ULID.

Format: https://github.com/ulid/spec (48 bits of milliseconds, 80 random bits,
Crockford base 32), in lower case because ids appear in URLs and model names.
Time order makes the primary key the page cursor.
"""

import secrets
import threading
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26
_STEP_BITS = 60

ID_MAX_LENGTH = 40


def new_id(prefix: str, *, separator: str = "-") -> str:
    """Return a fresh id such as ``file-01jd…``; ids sort by the millisecond they were made."""
    return f"{prefix}{separator}{_base32(_fresh())}"


class IdSequence:
    """Makes ids each greater than any it made before, whatever the clock does; in any thread."""

    def __init__(self, prefix: str) -> None:
        """Begin with the next id."""
        self._prefix = prefix
        self._lock = threading.Lock()
        self._last = 0

    def next_id(self) -> str:
        """Return a fresh id."""
        with self._lock:
            # A step at random: two processes that were forked from this one go different ways.
            after = self._last + 1 + secrets.randbits(_STEP_BITS)
            self._last = max(_fresh(), after)
            return f"{self._prefix}-{_base32(self._last)}"


def _fresh() -> int:
    return (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)


def _base32(number: int) -> str:
    digits = [""] * _LENGTH
    for place in range(_LENGTH - 1, -1, -1):
        number, rest = divmod(number, 32)
        digits[place] = _ALPHABET[rest]
    return "".join(digits)
