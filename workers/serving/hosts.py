"""A warm host: a plugin's process that has one model loaded."""

import time
from collections.abc import Callable
from pathlib import Path

from modelmill.core.scratch import folder_clear
from modelmill_sdk.protocol import Failed, Loaded, ModelLoad

from workers.hosts import HostDied, HostProcess, HostSpec
from workers.looking import look_ask
from workers.releases import Named
from workers.serving.errors import Refused

_TICK_S = 0.25
_LOAD_S = 600.0


class WarmHost:
    """One process, one model, until it is closed or dies."""

    def __init__(self, process: HostProcess, *, load_ms: int) -> None:
        """Hold a process whose model is loaded; ``load`` makes one."""
        self.process = process
        self.load_ms = load_ms
        self.rss_bytes = process.rss_bytes()

    @classmethod
    def load(
        cls, spec: HostSpec, *, named: Named, model_dir: Path, check: Callable[[], None]
    ) -> "WarmHost":
        """Start a process and load a model in it.

        ``check`` is called while it loads, and may raise to give it up.
        ``load_ms`` counts everything: process, imports and weights.

        Raises ``Refused`` when the plugin cannot load the model, and ``HostDied``.
        """
        began = time.monotonic()
        process = HostProcess.start(spec)
        try:
            process.send(
                ModelLoad(
                    **named,
                    model_dir=model_dir,
                    device=spec.device,
                    threads=spec.threads,
                )
            )
            _await_loaded(process, check=check, deadline=began + _LOAD_S)
        except BaseException:
            process.close()
            folder_clear(spec.scratch_dir)
            raise
        return cls(process, load_ms=round((time.monotonic() - began) * 1000))

    @property
    def is_alive(self) -> bool:
        """Whether the process can still answer."""
        return self.process.is_alive

    @property
    def scratch_dir(self) -> Path:
        """The folder that is the process's own."""
        return self.process.spec.scratch_dir

    def measure(self) -> int:
        """Measure the process's memory now, and remember it."""
        self.rss_bytes = self.process.rss_bytes()
        return self.rss_bytes

    def close(self) -> None:
        """End the process and delete what it wrote."""
        self.process.close()
        folder_clear(self.scratch_dir)


def _await_loaded(process: HostProcess, *, check: Callable[[], None], deadline: float) -> None:
    while time.monotonic() < deadline:
        check()
        message = process.receive(_TICK_S)
        if isinstance(message, Loaded):
            return
        if isinstance(message, Failed) and message.who == "customer":
            raise Refused(message.message, code="model_unavailable", param=message.param)
        if isinstance(message, Failed) and message.code in ("plugin_changed", "plugin_missing"):
            look_ask(message.message)
            raise Refused(
                "The plugin of this model cannot be loaded now. The operator was told; nothing was "
                "charged. Try again in some minutes.",
                code="plugin_missing",
                detail=f"{message.message}\n{message.traceback}",
            )
        if isinstance(message, Failed):
            raise Refused(
                "The model could not be loaded. The operator was told.",
                code="model_not_loaded",
                detail=f"{message.message}\n{message.traceback}",
            )
    raise HostDied(exit_code=None, stderr_tail=process.output_tail(), reason="did not load in time")
