"""Public identifiers: a prefix that names the kind, and a time-ordered ULID.

Format: https://github.com/ulid/spec (48 bits of milliseconds, 80 random bits,
Crockford base 32), in lower case because ids appear in URLs and model names.
Time order makes the primary key the page cursor.
"""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26

ID_MAX_LENGTH = 40


def new_id(prefix: str, *, separator: str = "-") -> str:
    """Return a fresh id such as ``file-01jd…``; ids sort by the millisecond they were made."""
    return f"{prefix}{separator}{_base32(_fresh())}"


def _fresh() -> int:
    return (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)


def _base32(number: int) -> str:
    digits = [""] * _LENGTH
    for place in range(_LENGTH - 1, -1, -1):
        number, rest = divmod(number, 32)
        digits[place] = _ALPHABET[rest]
    return "".join(digits)
