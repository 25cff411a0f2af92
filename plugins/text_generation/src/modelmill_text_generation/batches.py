"""What each step learns from: stretches of one long text, or examples packed side by side.

A step's number and the seed decide it all, so a resumed training needs no position in the data.

Axes: B rows, T tokens of context, P packs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from modelmill_text_generation.examples import Example, cut_examples
from modelmill_text_generation.packing import fill_packs

# What cross-entropy passes over: a token that is read and not learned.
UNLEARNED = -100


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Tokens to read ``(B, T)``, those to expect after each, and where each example begins anew.

    ``positions`` is None where every row is one stretch of text.
    """

    inputs: Tensor
    targets: Tensor
    positions: Tensor | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def target_count(self) -> int:
        """How many tokens are learned."""
        return int((self.targets != UNLEARNED).sum())

    def part(self, first: int, end: int) -> "Batch":
        """Give some of the rows."""
        positions = None if self.positions is None else self.positions[first:end]
        return Batch(
            inputs=self.inputs[first:end], targets=self.targets[first:end], positions=positions
        )

    def to(self, device: torch.device | str) -> "Batch":
        """Give the same on a device."""
        return Batch(
            inputs=self.inputs.to(device, non_blocking=True),
            targets=self.targets.to(device, non_blocking=True),
            positions=None
            if self.positions is None
            else self.positions.to(device, non_blocking=True),
        )


class Source(Protocol):
    """Where batches come from."""

    def at(self, step: int) -> Batch:
        """Give the batch of a step counted from 1."""

    def spread(self, max_tokens: int) -> Iterator[Batch]:
        """Give at most so many tokens from all over the text, the same ones every time."""


class Windows:
    """Stretches of one long text: each round cuts it at another offset and shuffles the cuts."""

    def __init__(
        self,
        tokens: Tensor,
        *,
        context: int,
        batch: int,
        seed: int,
        redrawn: Callable[[int], Tensor] | None = None,
    ) -> None:
        """Cut ``(N,)`` tokens, to learn from them at least two contexts and one token long.

        ``redrawn(number)`` gives the same text in other tokens for a round after the first, which
        reads as many stretches of it as the first one does.
        """
        self._context = max(1, min(context, len(tokens) - 1))
        self._tokens, self._batch, self._seed = tokens, batch, seed
        self._redrawn = redrawn
        self._per_round = (len(tokens) - 1) // self._context - 1
        self._round = -1
        self._learned = tokens  # what this round reads
        self._starts: list[int] = []

    def at(self, step: int) -> Batch:
        """Give the batch of a step counted from 1."""
        first = (step - 1) * self._batch
        return _windows([self._row(first + offset) for offset in range(self._batch)])

    def spread(self, max_tokens: int) -> Iterator[Batch]:
        """Give at most so many tokens from all over the text, the same ones every time."""
        starts = torch.arange(0, len(self._tokens) - self._context, self._context)
        for some in torch.split(_spread(starts, max_tokens // self._context), self._batch):
            yield _windows([self._cut(self._tokens, start) for start in some.tolist()])

    def _row(self, position: int) -> Tensor:
        number, place = divmod(position, self._per_round)
        if number != self._round:
            self._begin(number)
        return self._cut(self._learned, self._starts[place])

    def _begin(self, number: int) -> None:
        if self._redrawn is not None:
            redrawn = self._redrawn(number) if number else self._tokens
            # As long at least, for a round to be one; fewer merges hardly ever make it shorter.
            self._learned = max(self._tokens, redrawn, key=len)
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + number)
        offset = int(torch.randint(self._context, (1,), generator=generator))
        # Tokens drawn anew are more: what is over is left out, another part each time.
        count = (len(self._learned) - 1) // self._context - 1
        order = torch.randperm(count, generator=generator)[: self._per_round]
        self._starts = (order * self._context + offset).tolist()
        self._round = number

    def _cut(self, tokens: Tensor, start: int) -> Tensor:
        return tokens[start : start + self._context + 1]  # (T + 1,)


class Packs:
    """Examples side by side in rows of one length; each round shuffles the rows."""

    def __init__(
        self,
        examples: list[Example],
        *,
        context: int,
        batch: int,
        seed: int,
        pad_id: int,
        packed: bool = True,
        apart: bool = True,
    ) -> None:
        """Pack at once; an example longer than the context becomes several.

        ``packed`` False gives each example a row of its own; ``apart`` False lets those in a row
        see each other, for a model that cannot do otherwise.
        """
        pieces = cut_examples(examples, context=context)
        packs = fill_packs(pieces, size=context + 1, seed=seed, most=None if packed else 1)
        self._batch, self._seed, self._apart = batch, seed, apart
        shape = (len(packs), context + 1)
        self._tokens = torch.full(shape, pad_id, dtype=torch.int32)  # (P, T + 1)
        self._learned = torch.zeros(shape, dtype=torch.bool)  # (P, T + 1)
        self._positions = torch.arange(context + 1, dtype=torch.int32).repeat(len(packs), 1)
        for row, pack in enumerate(packs):
            self._fill(row, [pieces[number] for number in pack])
        self._count = len(pieces)
        self._empty = self._tokens.numel() - sum(len(piece.ids) for piece in pieces)
        self._round = -1
        self._order: list[int] = []

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def described(self) -> str:
        """What was packed, and how full it is, in a sentence."""
        full = 1 - self._empty / max(1, self._tokens.numel())
        kept = "apart from each other" if self._apart else "with only a mark between them"
        return f"{self._count:,} examples fill {len(self):,} rows to {full:.0%}, {kept}."

    def at(self, step: int) -> Batch:
        """Give the batch of a step counted from 1."""
        first = (step - 1) * self._batch
        return self._rows([self._row(first + offset) for offset in range(self._batch)])

    def spread(self, max_tokens: int) -> Iterator[Batch]:
        """Give at most so many tokens from all over the examples, the same ones every time."""
        rows = _spread(torch.arange(len(self)), max_tokens // (self._tokens.size(1) - 1))
        for some in torch.split(rows, self._batch):
            yield self._rows(some.tolist())

    def _fill(self, row: int, examples: list[Example]) -> None:
        at = 0
        for example in examples:
            end = at + len(example.ids)
            self._tokens[row, at:end] = torch.from_numpy(example.ids)
            self._learned[row, at:end] = torch.from_numpy(example.learned)
            self._positions[row, at:end] = torch.arange(end - at)
            at = end
        # The padding begins anew, too, so that nothing sees it.
        self._positions[row, at:] = torch.arange(self._positions.size(1) - at)

    def _rows(self, rows: list[int]) -> Batch:
        tokens = self._tokens[rows].long()  # (B, T + 1)
        targets = tokens.masked_fill(~self._learned[rows], UNLEARNED)
        positions = self._positions[rows, :-1].long() if self._apart else None
        return Batch(inputs=tokens[:, :-1], targets=targets[:, 1:], positions=positions)

    def _row(self, position: int) -> int:
        number, place = divmod(position, len(self))
        if number != self._round:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + number)
            self._order = torch.randperm(len(self), generator=generator).tolist()
            self._round = number
        return self._order[place]


def _windows(rows: list[Tensor]) -> Batch:
    window = torch.stack(rows).long()  # (B, T + 1)
    return Batch(inputs=window[:, :-1], targets=window[:, 1:])


def _spread(values: Tensor, wanted: int) -> Tensor:
    wanted = max(1, min(len(values), wanted))
    return values[torch.linspace(0, len(values) - 1, wanted).long()]
