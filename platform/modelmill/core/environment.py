"""Typed settings from the environment that fail loudly, secrets from ``<NAME>_FILE``."""

import os
from pathlib import Path

from modelmill.core.money import micro_read

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


class EnvironmentInvalid(Exception):
    """An environment variable has a value that cannot be used."""


def text(name: str, default: str = "") -> str:
    """Return ``$NAME``, or what ``$NAME_FILE`` holds, or the default; empty counts as unset."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        return Path(path).read_text(encoding="utf-8").strip()
    return os.environ.get(name) or default


def number(name: str, default: int, *, least: int | None = None) -> int:
    """Return ``$NAME`` as an integer, refused below ``least``."""
    value = text(name)
    if not value:
        return default
    try:
        found = int(value)
    except ValueError:
        raise EnvironmentInvalid(f"{name} must be a whole number, not {value!r}.") from None
    if least is not None and found < least:
        raise EnvironmentInvalid(f"{name} must be at least {least}, not {found}.")
    return found


def flag(name: str, default: bool) -> bool:
    """Return ``$NAME`` as a boolean: 1/true/yes/on or 0/false/no/off."""
    value = text(name) if f"{name}_FILE" in os.environ else os.environ.get(name)
    if value is None:
        return default
    lowered = value.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise EnvironmentInvalid(f"{name} must be 1 or 0, not {value!r}.")


def words(name: str, default: str = "") -> list[str]:
    """Return ``$NAME`` split at commas, blanks removed."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def passage(name: str, *, most: int) -> str:
    """Return ``$NAME`` as lines of text; ``\\n`` begins a new one where a line cannot end."""
    found = text(name).replace("\\n", "\n").strip()
    if len(found) > most:
        raise EnvironmentInvalid(f"{name} may have {most} characters, not {len(found)}.")
    return found


def money_micro(name: str) -> int | None:
    """Return ``$NAME``, an amount as in 10.00, in micro-units; None when it is not set."""
    value = text(name)
    if not value:
        return None
    amount_micro = micro_read(value)
    if amount_micro is None or not 0 <= amount_micro <= 2**53:
        raise EnvironmentInvalid(
            f"{name} must be an amount as in 10.00, with at most six decimals, not {value!r}."
        )
    return amount_micro
