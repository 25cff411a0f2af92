"""The operator's three answers to "may they use it?": yes, no, and as it is for all others."""

from typing import Final

DECISION_WORDS: Final[dict[bool | None, str]] = {None: "", True: "on", False: "off"}


def decision_read(word: str) -> bool | None:
    """Read an answer as a form sends it; anything else than on and off is no decision."""
    return {"on": True, "off": False}.get(word)
