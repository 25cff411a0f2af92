"""Why a text got its label: parts of the text, and how much each spoke for it."""

from dataclasses import dataclass
from typing import Any

_MOST = 20
_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Why:
    """What speaks for one class, measured in logits above the mean of all classes.

    ``parts`` are pieces of the text with their share, ``base`` is what the model says of any text.
    All together are the class's logit less the mean logit: exactly for the linear model, nearly so
    for networks.
    """

    method: str
    parts: list[tuple[str, float]]
    base: float

    def as_json(self, label: str) -> dict[str, Any]:
        """Give the parts that matter most, and the sum of what is left."""
        joined: dict[str, float] = {}
        for text, weight in self.parts:
            joined[text] = joined.get(text, 0.0) + weight
        ordered = sorted(joined.items(), key=lambda one: -abs(one[1]))
        return {
            "method": self.method,
            "label": label,
            "words": [
                {"text": text, "weight": round(weight, _DIGITS)} for text, weight in ordered[:_MOST]
            ],
            "other_words": round(sum(weight for _, weight in ordered[_MOST:]), _DIGITS),
            "base": round(self.base, _DIGITS),
        }
