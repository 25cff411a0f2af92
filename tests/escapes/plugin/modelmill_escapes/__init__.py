"""A hostile plugin: does to the house what its input names, and tells what came of it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk import Params, Plugin, PredictRun, hookimpl
from pydantic import Field

from modelmill_escapes import breaking, kernel, looking, reaching, speaking, writing

ROOMS = (looking, writing, reaching, kernel, breaking, speaking)


class Escapes(Plugin):
    """Tries what ``probe`` names, with the targets that the test set up."""

    id = "escapes"
    meters = {"images": "Pictures"}

    class Input(Params):
        probe: str = Field(description="The name of a function in one of the modules.")
        targets: str = Field(default="{}", description="Where the treasure lies, as JSON.")

    def predict(
        self, model: Path, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> list[Any]:
        """Give {"got": …} where a probe got something, {"denied": why} where it did not."""
        one = inputs[0]
        probe = next(getattr(room, one.probe) for room in ROOMS if hasattr(room, one.probe))
        targets = {**json.loads(one.targets), "out_dir": str(run.out_dir)}
        try:
            found = probe(targets)
        except (OSError, ValueError, MemoryError, RuntimeError) as error:
            return [{"denied": f"{type(error).__name__}: {error}"}]
        if isinstance(found, Path):
            return [found]
        return [{"got": str(found)} if found is not None else {"denied": "nothing came of it"}]


@hookimpl
def register_models(register: Callable[[type[Plugin]], None]) -> None:
    """Name the one."""
    register(Escapes)
