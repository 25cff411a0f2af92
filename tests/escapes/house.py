"""The house that is attacked: treasures, listeners, a neighbour, and what is said to a host."""

import json
import os
import signal
import socket
import sqlite3
from pathlib import Path
from typing import Any

from modelmill_sdk.protocol import FromChild, ModelLoad, PredictStart

from tests.forking import forker_ready
from workers.hosts import HostProcess, HostSpec

PLUGIN = Path(__file__).parent / "plugin"
CANARY = "canary-of-the-house"
# With a GPU a little more is open: CUDA needs it. With several, their processes meet. The machine
# need not have one.
LEVELS = ("L1", "L1 warm", "L2", "L1 GPU", "L2 GPUs")


class House:
    """Everything a plugin might be after, open to every user: only the fences keep it."""

    def __init__(self, folder: Path, *, broker_port: int) -> None:
        """Set it up below ``folder``."""
        folder.chmod(0o755)
        self.folder = folder
        self.outside = _folder(folder / "outside", 0o777)
        secret = folder / "secret"
        secret.write_text(CANARY)
        model = _folder(folder / "models", 0o755)
        (model / "model.safetensors").write_text(CANARY)
        database = folder / "modelmill.sqlite3"
        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE treasure (gold TEXT)")
        database.chmod(0o666)
        self._listeners = self._listen()
        self._signals: list[int] = []
        self._handler = signal.signal(signal.SIGWINCH, lambda number, _: self._note(number))
        self.hosts: list[HostProcess] = []
        self.neighbour = self.host(level="L1")
        (self.neighbour.spec.scratch_dir / "treasure").write_text(CANARY)
        self.targets: dict[str, Any] = {
            "worker_pid": os.getpid(),
            "neighbour_pid": self.neighbour.pid,
            "neighbour_scratch": str(self.neighbour.spec.scratch_dir),
            "secret": str(secret),
            "canary": CANARY,
            "database": str(database),
            "foreign_model": str(model),
            "outside": str(self.outside),
            "home": str(Path.home()),
            "shared_memory_name": f"modelmill-escape-{os.getpid()}",
            "broker_port": broker_port,
            "tcp_port": self._listeners[0].getsockname()[1],
            "udp_port": self._listeners[1].getsockname()[1],
            "abstract_name": self._listeners[2].getsockname()[1:].decode(),
            "socket_path": str(folder / "socket"),
            "datagram_path": str(folder / "datagram"),
            "too_many": 200,
            "too_many_mib": 700,
            "file_mib": 16,
            "output_mib": 10 * 1024,
        }

    def host(self, *, level: str, **options: Any) -> HostProcess:
        """Start a host with the hostile plugin loaded."""
        scratch = self.folder / f"host-{len(self.hosts)}"
        level, _space, way = level.partition(" ")
        if way == "warm":
            assert forker_ready("decimal").is_ready
        spec = HostSpec(
            scratch_dir=scratch,
            device="cuda" if way.startswith("GPU") else "cpu",
            devices=2 if way == "GPUs" else 1,
            warm_imports=("decimal",) if way == "warm" else (),
            python_paths=(PLUGIN,),
            closed=(self.folder,),
            level=level,  # type: ignore[arg-type]
            **options,
        )
        host = HostProcess.start(spec)
        self.hosts.append(host)
        (host.spec.scratch_dir / "model").mkdir()
        model_dir = host.spec.scratch_dir / "model"
        host.send(ModelLoad(plugin_id="escapes", model_dir=model_dir))
        assert heard(host, "loaded")[-1].type == "loaded"
        return host

    def ask(self, host: HostProcess, probe: str) -> None:
        """Have a host try a probe."""
        one = {"probe": probe, "targets": json.dumps(self.targets)}
        out_dir = host.spec.scratch_dir / "out"
        host.send(PredictStart(request_id="probe", inputs=[one], out_dir=out_dir))

    def answer(self, host: HostProcess, probe: str) -> dict[str, str]:
        """Have a host try a probe, and give what came of it."""
        self.ask(host, probe)
        said = heard(host, "predict_done", "failed")
        if said[-1].type == "failed":
            return {"denied": said[-1].message}  # type: ignore[union-attr]
        return said[0].value  # type: ignore[union-attr, no-any-return]

    def is_well(self) -> bool:
        """Say whether the next piece of work succeeds, and nobody came by."""
        did_anybody_come = any(_came(listener) for listener in self._listeners)
        works = self.answer(self.neighbour, "own_environment") == {"denied": "nothing came of it"}
        return works and not did_anybody_come and not self._signals

    def close(self) -> None:
        """End every host and listener."""
        signal.signal(signal.SIGWINCH, self._handler)
        for host in self.hosts:
            host.close()
        for listener in self._listeners:
            listener.close()

    def _note(self, number: int) -> None:
        self._signals.append(number)

    def _listen(self) -> list[socket.socket]:
        tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(type=socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        abstract, stream = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        abstract.bind(f"\0modelmill-escape-{os.getpid()}")
        for one, name in ((stream, "socket"), (datagram, "datagram")):
            one.bind(str(self.folder / name))
            (self.folder / name).chmod(0o777)
        for one in (abstract, stream):
            one.listen()
        for one in (tcp, udp, abstract, stream, datagram):
            one.setblocking(False)
        return [tcp, udp, abstract, stream, datagram]


def heard(host: HostProcess, *types: str, timeout_s: float = 60) -> list[FromChild]:
    """Receive up to the first message of one of the types, or of a failure."""
    said: list[FromChild] = []
    while not said or said[-1].type not in (*types, "failed"):
        message = host.receive(timeout_s)
        assert message is not None, f"nothing more after {said[-3:]}"
        said.append(message)
    return said


def _folder(path: Path, mode: int) -> Path:
    path.mkdir()
    path.chmod(mode)
    return path


def _came(listener: socket.socket) -> bool:
    try:
        if listener.type == socket.SOCK_DGRAM:
            listener.recv(1)
        else:
            listener.accept()
    except BlockingIOError:
        return False
    return True
