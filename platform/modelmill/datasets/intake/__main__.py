"""The child process: ties itself down, reads one source, writes ``result.json``, ends.

``python -m modelmill.datasets.intake '{"source": …, "name": …, "folder": …}'``
"""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1


def main(arguments: dict[str, Any]) -> None:
    """Read the source named in ``arguments``."""
    _tie_down(arguments)
    # Only now the libraries that will touch a stranger's bytes.
    from modelmill.datasets.intake.running import intake

    folder = Path(arguments["folder"])
    result = intake(
        Path(arguments["source"]),
        name=arguments["name"],
        folder=folder,
        on_rows=lambda rows: _replace(folder / "progress", str(rows)),
    )
    _replace(folder / "result.json", json.dumps(result))


def _tie_down(arguments: dict[str, Any]) -> None:
    """Die with the parent, and take no more memory or file space than allowed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != arguments.get("parent", os.getppid()):
            os.kill(os.getpid(), signal.SIGKILL)
    for what, most in (
        (resource.RLIMIT_AS, arguments["memory_bytes"]),
        (resource.RLIMIT_FSIZE, arguments["file_max_bytes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _replace(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
