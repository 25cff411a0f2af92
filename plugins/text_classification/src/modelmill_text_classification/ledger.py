"""What was tried in a training, and the best of it: what of a checkpoint outlives a method.

The methods are decided once and written down, so that a training that is taken up again tries what
it would have tried.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from modelmill_text_classification.heldout import Score
from modelmill_text_classification.models import Model, model_load

_FACTS = "ledger.json"
_BEST = "best"


@dataclass(kw_only=True)
class Tried:
    """One method that was tried to its end."""

    method: str
    steps: int
    score: Score


@dataclass(kw_only=True)
class Ledger:
    """The methods to try, those done, and the best model so far."""

    methods: list[str]
    tried: list[Tried] = field(default_factory=list)
    best: Model | None = None

    @property
    def steps(self) -> int:
        """Steps that the methods done have taken."""
        return sum(one.steps for one in self.tried)

    @property
    def left(self) -> list[str]:
        """Methods not done yet, the one under way first."""
        return self.methods[len(self.tried) :]

    @property
    def winner(self) -> Tried:
        """The best of those done; the cheaper of two equals."""
        return max(self.tried, key=lambda one: one.score)

    def add(self, method: str, model: Model, *, steps: int, score: Score) -> None:
        """Enter a method that is done; keep its model if it is the best."""
        self.tried.append(Tried(method=method, steps=steps, score=score))
        if self.winner is self.tried[-1]:
            self.best = model

    def save(self, folder: Path, *, current: dict[str, Any] | None = None) -> None:
        """Write it into a checkpoint's folder, with facts of the method under way."""
        facts = {
            "methods": self.methods,
            "tried": [asdict(one) for one in self.tried],
            "current": current or {},
        }
        (folder / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
        if self.best is not None:
            (folder / _BEST).mkdir()
            self.best.save(folder / _BEST)

    @classmethod
    def restore(cls, folder: Path, *, device: str) -> tuple["Ledger", dict[str, Any]]:
        """Read what ``save`` wrote: the ledger, and the facts of the method under way."""
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        tried = [
            Tried(method=one["method"], steps=one["steps"], score=Score(**one["score"]))
            for one in facts["tried"]
        ]
        ledger = cls(methods=facts["methods"], tried=tried)
        if tried:
            ledger.best = model_load(folder / _BEST, method=ledger.winner.method, device=device)
        return ledger, facts["current"]
