"""A batch that splits itself when the device's memory runs out."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from modelmill_sdk.errors import CustomerError, memory_ran_out

Step = Callable[[int, int], Tensor]
T = TypeVar("T")


class Accumulator:
    """Computes a batch's gradient in as many parts as the memory asks for.

    The sum of the parts' gradients is the whole batch's, so the training stays the same but for
    the last bits, and for batch statistics, which a part takes of itself.
    """

    def __init__(
        self,
        batch_size: int,
        *,
        log: Callable[[str], None],
        rows: tuple[int, int] | None = None,
    ) -> None:
        """Begin with the whole batch in one part; ``log`` hears of every change, once.

        ``rows`` is the part of it that this process works through (``Together.share``), from its
        first to behind its last; the others' is left to them.
        """
        self.batch_size = batch_size
        self.first, self.end = rows or (0, batch_size)
        self.part_size = max(1, self.end - self.first)
        self._log = log

    def backward(self, loss_of: Step, *, zero_grad: Callable[[], None]) -> Tensor:
        """Give the batch's mean loss, its gradient added to the weights that ``zero_grad`` cleared.

        ``loss_of(first, end)`` gives the *mean* loss of the batch's rows ``first`` to ``end``. When
        memory runs out the parts are halved and the batch is begun again; from then on the
        smaller parts stay. Raises CustomerError when not even one row fits.
        """

        def whole() -> Tensor:
            zero_grad()
            return self._parts(loss_of)

        return self._until_it_fits(whole)

    def each(
        self, row_count: int, work: Callable[[int, int], None], *, begin: Callable[[], None]
    ) -> None:
        """Do ``work(first, end)`` part by part until all ``row_count`` rows are done.

        For batches of a size that chance decides: one that is larger than the batch size is still
        one part, until memory runs out. Then ``begin``, which every try calls first, has to undo
        what the parts before have done. Raises CustomerError when not even one row fits.
        """

        def whole() -> None:
            begin()
            size = row_count if self.part_size == self.batch_size else self.part_size
            for first in range(0, row_count, max(1, size)):
                work(first, min(first + size, row_count))

        self._until_it_fits(whole)

    def _until_it_fits(self, whole: Callable[[], T]) -> T:
        while True:
            try:
                return whole()
            except (RuntimeError, MemoryError) as error:
                if not memory_ran_out(error):
                    raise
                self._halve(error)

    def _parts(self, loss_of: Step) -> Tensor:
        total: Tensor | None = None
        for first in range(self.first, max(self.end, self.first + 1), self.part_size):
            end = min(first + self.part_size, self.end)
            if self.first == self.end:
                # Not a row of its own: it still has a gradient wherever the others have.
                loss = loss_of(0, 1) * 0.0
            else:
                loss = loss_of(first, end) * ((end - first) / self.batch_size)
            loss.backward()  # type: ignore[no-untyped-call]
            total = loss.detach() if total is None else total + loss.detach()
        assert total is not None
        return total

    def _halve(self, error: BaseException) -> None:
        # The failed part's tensors hang on the traceback; without them the halves have room.
        error.__traceback__ = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self.part_size == 1:
            raise CustomerError(
                "Not even one row fits into the memory. Choose a smaller network, or smaller "
                "inputs.",
                param="batch_size",
                code="out_of_memory",
            )
        self.part_size = -(-self.part_size // 2)
        self._log(
            f"The memory did not hold a batch of {self.batch_size}; it is now worked through "
            f"{self.part_size} at a time. The result is the same, a little later."
        )
