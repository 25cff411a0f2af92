"""Lying on the pipe, and leaving what is no file where a file should be."""

import json
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any

Targets = dict[str, Any]
_LENGTH = struct.Struct(">I")


def say_four_gigabytes(targets: Targets) -> None:
    os.write(_pipe(), b"\xff\xff\xff\xff" + b"x" * 1000)


def say_half_a_frame(targets: Targets) -> None:
    os.write(_pipe(), _LENGTH.pack(1000) + b'{"type":"log"')
    os._exit(0)


def say_garbage(targets: Targets) -> None:
    os.write(_pipe(), os.urandom(5000))


def say_nothing_long(targets: Targets) -> None:
    os.write(_pipe(), _LENGTH.pack(0))


def say_deep_json(targets: Targets) -> None:
    _say_bytes(b'{"type":"log","message":' + b"[" * 100_000)


def say_a_parents_message(targets: Targets) -> None:
    _say({"type": "stop", "reason": "cancel"})


def say_a_path_outside(targets: Targets) -> None:
    _say({**_result(targets), "path": targets["secret"]})


def say_a_path_with_dots(targets: Targets) -> None:
    _say({**_result(targets), "path": f"{targets['out_dir']}/../../../../../../etc/passwd"})


def say_a_relative_path(targets: Targets) -> None:
    _say({**_result(targets), "path": "etc/passwd"})


def say_a_link(targets: Targets) -> None:
    link = Path(targets["out_dir"], "treasure")
    link.symlink_to(targets["secret"])
    _say({**_result(targets), "path": str(link)})


def say_a_folder_that_is_a_link(targets: Targets) -> None:
    link = Path(targets["out_dir"], "folder")
    link.symlink_to(Path(targets["secret"]).parent)
    _say({**_result(targets), "path": str(link / Path(targets["secret"]).name)})


def leave_a_pipe(targets: Targets) -> None:
    path = Path(targets["out_dir"], "pipe")
    os.mkfifo(path)
    _say({**_result(targets), "path": str(path)})


def bind_a_socket_file(targets: Targets) -> str:
    path = Path(targets["out_dir"], "bound")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
    return str(path)


def leave_a_socket(targets: Targets) -> None:
    path = Path(bind_a_socket_file({"out_dir": targets["out_dir"]}))
    _say({**_result(targets), "path": str(path)})


def leave_a_folder(targets: Targets) -> None:
    path = Path(targets["out_dir"], "folder")
    path.mkdir()
    _say({**_result(targets), "path": str(path)})


def count_below_nothing(targets: Targets) -> None:
    _say({**_done(), "counts": {"images": -1_000_000}})


def count_without_bound(targets: Targets) -> None:
    _say({**_done(), "counts": {"images": 2**80}})


def count_far_too_much(targets: Targets) -> None:
    _say({**_done(), "counts": {"images": 1_000_000}})


def count_the_workers_meter(targets: Targets) -> None:
    _say({**_done(), "counts": {"gpu_ms": 1_000_000, "cpu_ms": 1, "requests": 0}})


def count_a_strange_meter(targets: Targets) -> None:
    _say({**_done(), "counts": {"free_beer": 5}})


def _pipe() -> int:
    return int(sys.argv[sys.argv.index("--write-fd") + 1])


def _result(targets: Targets) -> dict[str, Any]:
    return {"type": "result", "request_id": "probe", "index": 0, "kind": "file"}


def _done() -> dict[str, Any]:
    return {"type": "predict_done", "request_id": "probe", "compute_ms": 0}


def _say(message: dict[str, Any]) -> None:
    _say_bytes(json.dumps(message).encode())


def _say_bytes(payload: bytes) -> None:
    os.write(_pipe(), _LENGTH.pack(len(payload)) + payload)
