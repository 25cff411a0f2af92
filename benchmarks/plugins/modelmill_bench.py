"""A training loop to measure: the same steps bare and as a plugin.

A small convolutional net on random 28×28 digits, batches of 64: about ten
milliseconds a step on one core, so that what is done once a step shows.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk import Params, Plugin, PredictRun, TrainRun, hookimpl
from pydantic import Field

WARM_STEPS = 20


def loop(
    *,
    steps: int,
    threads: int,
    each: Callable[[int, float], None],
    save: Callable[[int, Callable[[Path], None]], Any],
) -> float:
    """Train ``steps`` steps; return the steps per second after the first twenty."""
    import torch
    from safetensors.torch import save_file

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, padding=1),
        torch.nn.MaxPool2d(2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 32, 3, padding=1),
        torch.nn.MaxPool2d(2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(32 * 49, 10),
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    images = torch.randn(1024, 1, 28, 28)
    labels = torch.randint(0, 10, (1024,))
    started = time.perf_counter()
    for step in range(1, steps + 1):
        if step == WARM_STEPS + 1:
            started = time.perf_counter()
        rows = torch.randint(0, len(images), (64,))
        loss = torch.nn.functional.cross_entropy(net(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        each(step, float(loss))
        save(step, lambda folder: save_file(net.state_dict(), folder / "net.safetensors"))
    return (steps - WARM_STEPS) / (time.perf_counter() - started)


class BenchLoop(Plugin):
    """The loop as a plugin: progress and a checkpoint offered at every step."""

    id = "bench-loop"
    title = "Benchmark loop"
    description = "Measures what the platform adds to a training loop."
    author = "Modelmill"
    licence = "Apache-2.0"
    task = "benchmark"
    accepts = ("text",)

    class TrainParams(Params):
        """How long to train."""

        steps: int = Field(600, ge=30, le=100_000, description="Steps to train.")

    def train(self, run: TrainRun) -> None:
        """Train, and report the rate."""
        steps = run.params.steps
        rate = loop(
            steps=steps,
            threads=run.threads,
            each=lambda step, loss: run.progress(step, steps, loss=loss),
            save=run.checkpoint,
        )
        (run.model_dir / "model.json").write_text("{}")
        run.report(rate=rate)

    def load(self, model_dir: Path, device: str) -> Any:
        """Return nothing: this plugin is for measuring training."""

    def predict(self, model: Any, inputs: Sequence[Any], params: Any, run: PredictRun) -> list[str]:
        """Return one empty text per input."""
        return ["" for _ in inputs]


@hookimpl
def register_models(register: Callable[[type[Plugin]], None]) -> None:
    """Offer the loop to the platform."""
    register(BenchLoop)


if __name__ == "__main__":
    import sys

    print(
        loop(
            steps=int(sys.argv[1]),
            threads=int(sys.argv[2]),
            each=lambda step, loss: None,
            save=lambda step, save: None,
        )
    )
