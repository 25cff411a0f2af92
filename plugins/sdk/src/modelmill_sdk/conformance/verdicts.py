"""What a check came to: a promise kept, broken, or not looked at, each with its reason."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal


class Fault(Exception):
    """The plugin breaks the promise; the text says how it was seen."""


class Skip(Exception):
    """The promise could not be looked at; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One check's outcome; ``fix`` says what to change where it failed."""

    check: str
    outcome: Literal["passed", "failed", "skipped"]
    promise: str
    reason: str = ""
    fix: str = ""
    took_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """Everything that was found about one plugin."""

    plugin_id: str
    verdicts: tuple[Verdict, ...]
    took_s: float = 0.0
    notes: tuple[str, ...] = field(default=())

    @property
    def failed(self) -> list[str]:
        """The ids of the checks that failed."""
        return [one.check for one in self.verdicts if one.outcome == "failed"]

    def as_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {**asdict(self), "passed": not self.failed}

    def as_text(self) -> str:
        """Give it as lines for a terminal: each check with its outcome, its reason, its fix."""
        signs = {"passed": "ok    ", "failed": "FAILED", "skipped": "skip  "}
        width = max(len(one.check) for one in self.verdicts)
        lines = [f"{self.plugin_id}"]
        for one in self.verdicts:
            said = one.promise if one.outcome == "passed" else one.reason
            first, *rest = said.strip().splitlines() or [""]
            lines.append(f"  {signs[one.outcome]} {one.check:<{width}}  {first}")
            lines += [f"  {'':{width + 8}} {line}" for line in rest]
            if one.outcome == "failed":
                lines.append(f"  {'':{width + 8}} Fix: {one.fix}")
        counts = [sum(one.outcome == kind for one in self.verdicts) for kind in signs]
        lines.append(
            f"  {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped in {self.took_s:.1f} s"
        )
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])
