"""The corpus under a worker that is an ordinary user: ``python -m tests.escapes.ordinary FOLDER``.

Prints JSON: the fences of each level, and what each probe got, or was denied by.
"""

import json
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

from modelmill_sdk.tools.fencing import bubblewrap_find

from tests.escapes.house import House
from tests.escapes.probes import ASKED

# What an ordinary user may do to its own: no other user is there to be told apart.
_OF_ROOT = {"join_roots_group"}


def main() -> None:
    """Ask every probe at every level that there is, and print what came of it."""
    folder = Path(sys.argv[1])
    levels = ["L1", *(["L2", "L2 GPUs"] if bubblewrap_find() else [])]
    told: dict[str, Any] = {}
    with socket.create_server(("127.0.0.1", 0)) as broker:
        house = House(folder, broker_port=broker.getsockname()[1])
        for level in levels:
            host = house.host(level=level)
            probes = [
                probe for probe in ASKED if probe.name not in _OF_ROOT and level in probe.levels
            ]
            answers = {probe.name: house.answer(host, probe.name) for probe in probes}
            small = house.host(level=level, max_processes=64)
            answers["fork_without_end"] = house.answer(small, "fork_without_end")
            small.close()
            outlived = house.answer(host, "outlive")
            host.close()
            left = sorted(host._members.pids())
            told[level] = {"fences": host.fences, "answers": answers, "left": left}
            told[level]["outlive"] = outlived
            told[level]["is_well"] = house.is_well()
        house.close()
    shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
