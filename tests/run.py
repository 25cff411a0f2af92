"""The whole suite: on SQLite, and beside it what touches the database again on PostgreSQL.

Both run at once, because a test waits for processes more than it computes. What the second prints
is shown when the first has ended.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.postgres import PostgresMissing, postgres_throwaway

ROOT = Path(__file__).resolve().parents[1]
# Models train once: what they learn does not depend on the database.
ON_POSTGRES = ["-m", "not training and not browser"]
# pytest's own status for "nothing was collected": the words chose no test of this half.
_NO_TESTS = 5


def main() -> int:
    """Run both halves; print what each was; return 1 when either failed."""
    words = sys.argv[1:]
    try:
        with postgres_throwaway() as url, tempfile.TemporaryFile() as output:
            postgres = _pytest([*ON_POSTGRES, *words], database_url=url, output=output)
            try:
                print("── The suite on SQLite ──", flush=True)
                sqlite = _pytest(words, database_url="").wait()
                print("── What touches the database, on PostgreSQL ──", flush=True)
                postgres.wait()
            finally:
                postgres.kill()
            output.seek(0)
            sys.stdout.write(output.read().decode("utf-8", "replace"))
    except PostgresMissing as missing:
        print(f"FAILED: {missing}", flush=True)
        return 1
    codes = {sqlite, postgres.returncode}
    return 0 if 0 in codes and codes <= {0, _NO_TESTS} else 1


def _pytest(
    words: list[str], *, database_url: str, output: IO[bytes] | None = None
) -> "subprocess.Popen[bytes]":
    settings = {"DJANGO_SETTINGS_MODULE", "REDIS_URL", "SECRET_KEY"}
    kept = {key: value for key, value in os.environ.items() if key not in settings}
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", *words],
        cwd=ROOT,
        env={**kept, "DATABASE_URL": database_url},
        stdout=output,
        stderr=output,
    )


if __name__ == "__main__":
    sys.exit(main())
