"""The whole suite: once on SQLite, then what touches the database again on PostgreSQL."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.postgres import PostgresMissing, postgres_throwaway

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run both; print what each was; return 1 when either failed."""
    words = sys.argv[1:]
    print("── The suite on SQLite ──", flush=True)
    sqlite = _pytest(words, env={"DATABASE_URL": ""})
    print("── What touches the database, on PostgreSQL ──", flush=True)
    try:
        with postgres_throwaway() as url:
            # Models train once: what they learn does not depend on the database.
            postgres = _pytest(
                ["-m", "not training and not browser", *words], env={"DATABASE_URL": url}
            )
    except PostgresMissing as missing:
        print(f"FAILED: {missing}", flush=True)
        return 1
    return 1 if sqlite or postgres else 0


def _pytest(words: list[str], *, env: dict[str, str]) -> int:
    settings = {"DJANGO_SETTINGS_MODULE", "REDIS_URL", "SECRET_KEY"}
    kept = {key: value for key, value in os.environ.items() if key not in settings}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *words], cwd=ROOT, env={**kept, **env}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
