"""How the next token is drawn from the model's scores.

Axes: V vocabulary.
"""

from collections import Counter
from typing import TYPE_CHECKING

import torch
from modelmill_sdk import CustomerError
from torch import Tensor

if TYPE_CHECKING:
    from modelmill_text_generation.asking import PredictParams


class Choice:
    """Draws token after token; the same seed draws the same on any device."""

    def __init__(self, params: "PredictParams", *, seed: int | None) -> None:
        """Take temperature 0 for the likeliest token always, and no seed for a fresh one."""
        self._params = params
        self._read: set[int] = set()
        self._written: Counter[int] = Counter()
        self._generator = torch.Generator()
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed % 2**63)

    def read(self, ids: list[int]) -> None:
        """Take note of what the writing goes on from."""
        self._read.update(ids)

    def of(self, logits: Tensor) -> int:
        """Choose from ``(V,)`` logits, and remember what was chosen."""
        token = self._drawn(self._weighed(logits.float().cpu()))
        self._written[token] += 1
        return token

    def _drawn(self, logits: Tensor) -> int:
        params = self._params
        if params.temperature == 0:
            return int(logits.argmax())
        shares, order = torch.softmax(logits / params.temperature, dim=-1).sort(
            descending=True, stable=True
        )
        if params.top_k:
            shares[params.top_k :] = 0
        # A token stays if those before it do not yet make up top_p; so the first always stays.
        shares[shares.cumsum(-1) - shares >= params.top_p] = 0
        return int(order[torch.multinomial(shares, 1, generator=self._generator)])

    def _weighed(self, logits: Tensor) -> Tensor:
        """Apply the customer's penalties and biases.

        Presence and frequency as in OpenAI's API, counting what was written; repetition as in
        CTRL (arXiv 1909.05858, section 4.1), counting what was read as well.
        """
        params = self._params
        if params.repetition_penalty != 1 and (known := [*self._read | self._written.keys()]):
            scores, penalty = logits[known], params.repetition_penalty
            logits[known] = torch.where(scores > 0, scores / penalty, scores * penalty)
        if (params.presence_penalty or params.frequency_penalty) and self._written:
            times = torch.tensor([*self._written.values()], dtype=torch.float32)
            logits[[*self._written]] -= params.presence_penalty + params.frequency_penalty * times
        for name, bias in params.logit_bias.items():
            if int(name) >= len(logits):
                raise CustomerError(
                    f"There is no token {name}: this model's vocabulary ends at {len(logits) - 1}.",
                    param="logit_bias",
                )
            logits[int(name)] += bias
        return logits
