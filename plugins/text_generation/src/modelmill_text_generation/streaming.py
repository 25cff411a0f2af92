"""Text in pieces: whole characters only, and nothing of a stop text."""

from collections.abc import Sequence
from typing import Any

_BROKEN = "\ufffd"
# No character of UTF-8 has more bytes; a longer run without one is not the start of a character.
_MAX_PENDING = 4


class PieceDecoder:
    """Turns tokens into text one at a time, holding back the bytes of an unfinished character."""

    def __init__(self, tokenizer: Any, ids: Sequence[int]) -> None:
        """Go on after the prompt's tokens, since some tokenizers drop a leading space."""
        self._tokenizer = tokenizer
        self._before = list(ids[-_MAX_PENDING:])
        self._pending: list[int] = []

    def piece(self, token: int) -> str:
        """Give the text that one more token completes; empty while a character is unfinished."""
        self._pending.append(token)
        text = self._pending_text()
        if text.endswith(_BROKEN) and len(self._pending) < _MAX_PENDING:
            return ""
        if not text.endswith(_BROKEN):
            self._before, self._pending = self._pending[-_MAX_PENDING:], []
            return _shown(text)
        # Never a character: drop the oldest token's bytes and go on with the others.
        self._pending.pop(0)
        return ""

    def rest(self) -> str:
        """Give what was held back, without what never became a character."""
        return _shown(self._pending_text())

    def _pending_text(self) -> str:
        known = self._decode(self._before)
        return self._decode(self._before + self._pending)[len(known) :]

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))


class StopFilter:
    """Lets text pass up to the first stop text, even one that spans pieces."""

    def __init__(self, stops: Sequence[str]) -> None:
        """Watch for any of ``stops``; none lets everything pass at once."""
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.has_stopped = False

    def passed(self, piece: str) -> str:
        """Give what may be shown now, holding back an end that may become a stop text."""
        if self.has_stopped:
            return ""
        self._held += piece
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.has_stopped = True
            shown, self._held = self._held[: min(found)], ""
            return shown
        keep = self._possible_start()
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return shown

    def rest(self) -> str:
        """Give what was held back, once nothing more comes."""
        shown, self._held = self._held, ""
        return shown

    def _possible_start(self) -> int:
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stops):
                return length
        return 0


def _shown(text: str) -> str:
    # NUL is a character that JSON carries and databases refuse; an untrained model writes it.
    return text.replace(_BROKEN, "").replace("\0", "")
