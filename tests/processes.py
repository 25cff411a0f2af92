"""Real worker processes for a test, on the test's own database and Valkey.

A worker is another process, so what it is to see must be committed: use
``transactional_db`` (or ``live_server``), never ``db``.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[1]
FAKES = ROOT / "tests" / "fakes"
_READY_S = 60.0
_SHOWN_CHARS = 10_000


def database_url() -> str:
    """Return the address of the database this test uses, as DATABASE_URL."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    user = quote(found["USER"] or "", safe="")
    password = f":{quote(found['PASSWORD'], safe='')}" if found["PASSWORD"] else ""
    host = quote(found["HOST"] or "", safe="")
    return f"postgresql://{user}{password}@{host}:{found['PORT'] or 5432}/{found['NAME']}"


def worker_environment(*, redis_url: str, **extra: str) -> dict[str, str]:
    """Return the environment of a worker that shares this test's database, Redis and files."""
    paths = [ROOT / "platform", ROOT, *sorted(ROOT.glob("plugins/*/src")), FAKES]
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(),
        "REDIS_URL": redis_url,
        "MODELMILL_VAR_DIR": str(settings.VAR_DIR),
        "SECRET_KEY": settings.SECRET_KEY,
        "PYTHONPATH": os.pathsep.join(str(path) for path in paths),
        "PYTHONUNBUFFERED": "1",
        **extra,
    }


@dataclass
class Worker:
    """A running Celery worker; ``kill`` is how a machine dies, ``stop`` how one is shut down."""

    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def pid(self) -> int:
        """The worker's process number."""
        return self.process.pid

    def log(self) -> str:
        """Return everything it has printed."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """End it with SIGKILL, and all of its process group that is left."""
        self._signal(signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> None:
        """End it with SIGTERM, and by force when it has not ended after half a minute."""
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait_for(self, words: str, *, timeout_s: float = _READY_S) -> None:
        """Wait until it has printed ``words``; fail with its log when it does not."""
        deadline = time.monotonic() + timeout_s
        while words not in self.log():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"The worker never said {words!r}:\n{self.log()}")
            time.sleep(0.05)

    def _signal(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)


def worker_start(
    queue: str,
    *,
    redis_url: str,
    pool: str = "solo",
    concurrency: int = 1,
    is_awaited: bool = True,
    **extra: str,
) -> Worker:
    """Start a Celery worker for a queue (or several, with commas); ``extra`` is its environment."""
    folder = Path(tempfile.mkdtemp(prefix="modelmill-worker-"))
    command = [
        *[sys.executable, "-m", "celery", "-A", "workers.celery", "worker"],
        *["-Q", queue, "-P", pool, "-c", str(concurrency), "-n", f"{folder.name}@test"],
        *["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"],
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=worker_environment(redis_url=redis_url, **extra),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    worker = Worker(process=process, log_path=folder / "log")
    if is_awaited:
        worker.wait_for(" ready.")
    return worker


@contextmanager
def worker_running(queue: str, *, redis_url: str, **options: str) -> Iterator[Worker]:
    """Run a worker for the length of the block, and stop it however the block ends."""
    worker = worker_start(queue, redis_url=redis_url, **options)  # type: ignore[arg-type]
    try:
        yield worker
    finally:
        worker.stop()
        # Shown by pytest when the test fails.
        print(worker.log()[-_SHOWN_CHARS:])
        shutil.rmtree(worker.log_path.parent, ignore_errors=True)


@contextmanager
def gunicorn_running(
    log_path: Path, *, processes: int = 1, **extra: str
) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Run Gunicorn as the launcher does, on the port it yields; all of it ends with the block.

    It listens from the start and may still be loading.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        os.set_inheritable(listener.fileno(), True)
        with log_path.open("wb") as log:
            master = subprocess.Popen(
                [
                    *[sys.executable, "-m", "gunicorn", "modelmill.wsgi"],
                    *["--bind", f"fd://{listener.fileno()}", "--worker-class", "gthread"],
                    *["--workers", str(processes), "--threads", "8", "--no-control-socket"],
                ],
                cwd=ROOT,
                env=worker_environment(**{"redis_url": "redis://127.0.0.1:1/0", **extra}),
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        try:
            yield listener.getsockname()[1], master
        finally:
            with suppress(ProcessLookupError):
                os.killpg(master.pid, signal.SIGKILL)
            master.wait(10)
            print(log_path.read_text()[-_SHOWN_CHARS:])


def is_gone(pid: int, *, timeout_s: float = 10) -> bool:
    """Wait for a process that is not our child to end; a zombie that nobody reaps has ended."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


def command_of(process: psutil.Process) -> str:
    """Give the command line of a process; nothing for one that has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
