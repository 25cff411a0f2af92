"""The commands that make up an installation on one machine."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Service:
    """One long-running process: its name, which is also its log's, and its command."""

    name: str
    command: list[str]
    passed_fds: tuple[int, ...] = ()


def services(*, listener: int, var: Path) -> list[Service]:
    """Return the web server, which serves on the socket ``listener``, the workers and the beat."""
    python = sys.executable
    celery = [python, "-m", "celery", "-A", "workers.celery"]
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    web = [
        *[python, "-m", "gunicorn", "modelmill.wsgi", "--bind", f"fd://{listener}"],
        # Streams and uploads wait on threads; two processes use both cores.
        *["--worker-class", "gthread", "--workers", "2", "--threads", "16"],
        *["--timeout", "120", "--graceful-timeout", "3", "--access-logfile", "-"],
        # It would lie in the home folder, where two installations would share it.
        "--no-control-socket",
    ]
    return [
        Service("web", web, passed_fds=(listener,)),
        Service(
            "train", [*celery, "worker", "-Q", "train", "-P", "solo", "-n", "train@%h", *quiet]
        ),
        Service(
            "infer",
            [
                *celery,
                "worker",
                "-Q",
                "infer",
                "-P",
                "threads",
                "-c",
                "8",
                "-n",
                "infer@%h",
                *quiet,
            ],
        ),
        Service(
            "control",
            [
                *[*celery, "worker", "-Q", "control", "-P", "threads", "-c", "2"],
                *["-n", "control@%h", *quiet],
            ],
        ),
        Service(
            "webhooks",
            [
                *[*celery, "worker", "-Q", "webhooks", "-P", "threads", "-c", "8"],
                *["-n", "webhooks@%h", *quiet],
            ],
        ),
        Service("beat", [*celery, "beat", "-s", str(var / "beat"), "--pidfile", ""]),
    ]


def environment(*, var: Path, port: int, redis_url: str) -> dict[str, str]:
    """Return what every process of the installation is told."""
    url = f"http://127.0.0.1:{port}"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "modelmill.settings",
        "MODELMILL_VAR_DIR": str(var),
        "MODELMILL_PUBLIC_URL": os.environ.get("MODELMILL_PUBLIC_URL", url),
        "REDIS_URL": redis_url,
        "SECRET_KEY": secret_key(var),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "TMPDIR": str(var / "tmp"),
    }


def secret_key(var: Path) -> str:
    """Return the installation's secret key, made once and kept readable by its user alone."""
    if os.environ.get("SECRET_KEY"):
        return os.environ["SECRET_KEY"]
    path = var / "secret_key"
    if not path.exists():
        import secrets

        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as target:
            target.write(secrets.token_urlsafe(48))
    return path.read_text()
