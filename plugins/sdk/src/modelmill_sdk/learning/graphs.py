"""A piece of a training step that a GPU does by itself, without Python asking for each kernel.

A small network's kernels are done sooner than Python can launch the next; a CUDA graph launches
them all at once. Source: pytorch.org/docs, "CUDA semantics", section "CUDA Graphs".
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import torch

# What a first step allocates and tunes must not happen while a graph is captured.
_WARM_CALLS = 3

Result = TypeVar("Result")


class Graphed(Generic[Result]):
    """Calls some work, as a graph after the first few times; each call counts as one.

    The work must read and write the same tensors every time, gradients among them
    (``zero_grad(set_to_none=False)``), take no decision in Python that changes, and bring nothing
    to the CPU. What it returns lies in the same place after each call: clone what is to be kept.
    """

    def __init__(
        self,
        work: Callable[[], Result],
        *,
        log: Callable[[str], None],
        random: Sequence[torch.Generator] = (),
        on_failure: Callable[[], None] | None = None,
    ) -> None:
        """Take the work and the generators that it draws from, besides the device's own.

        ``log`` hears it when the work cannot be captured; then ``on_failure`` may clear away what
        the attempt left half done, and the work is called as it is, for good.
        """
        self._work, self._log, self._random = work, log, random
        self._on_failure = on_failure
        self._calls = 0
        self.is_hopeless = False
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result: Result | None = None

    def __call__(self) -> Result:
        """Do the work once; raises what it raises while it is not yet a graph."""
        self._calls += 1
        if self._calls == _WARM_CALLS + 1 and not self.is_hopeless:
            self._capture()
        if self._graph is None:
            return self._work()
        self._graph.replay()
        assert self._result is not None
        return self._result

    def give_up(self) -> None:
        """Call the work as it is from now on, and let a graph go that there may be."""
        self.is_hopeless = True
        self._graph = self._result = None

    def _capture(self) -> None:
        graph = torch.cuda.CUDAGraph()
        for generator in self._random:
            graph.register_generator_state(generator)
        try:
            with torch.cuda.graph(graph):
                self._result = self._work()
        except RuntimeError as error:  # a lack of memory is one, too
            self._log(f"The step stays without a graph: {str(error).splitlines()[0]}")
            self.give_up()
            if self._on_failure is not None:
                self._on_failure()
            return
        self._graph = graph
