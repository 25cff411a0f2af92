"""What the kit orders a watched training to do, and when."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from modelmill_sdk.protocol import StopReason


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Stop at the n-th progress report, or die by SIGKILL after so many checkpoints.

    The death comes at the first progress after the checkpoint: work that was done since is lost.
    """

    stop: StopReason | None = None
    stop_at_report: int = 0
    kill_after_checkpoints: int = 0

    def write(self, path: Path) -> None:
        """Leave them where the watched process reads them when a training starts."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Orders":
        """Read what ``write`` left; no orders if there are none."""
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else cls()
