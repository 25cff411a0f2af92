"""The whole suite, in two lanes that run at once, because a test waits more than it computes.

The first lane begins with everything on SQLite but what trains models, the second with what touches
the database, again on PostgreSQL; the trainings are for whichever is done first. Each part's
output is shown when its turn has come.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.postgres import PostgresMissing, postgres_throwaway

ROOT = Path(__file__).resolve().parents[1]
# What is shown after the first part. Models train once: what they learn does not depend on the
# database. The longest comes first.
_LATER = (
    ("What touches the database, on PostgreSQL", "not training and not shelf and not browser"),
    ("Trainings of the whole", "training and not shelf"),
    ("Trainings of plugins", "training and shelf"),
)
# pytest's own status for "nothing was collected": the words chose no test of this part.
_NO_TESTS = 5


@dataclass
class Part:
    """One run of pytest over the tests that ``chosen`` names, on one database."""

    title: str
    chosen: str
    output: IO[bytes] | None = None
    code: int | None = None
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def run(self, words: list[str], *, database_url: str) -> None:
        """Run it to its end; its output goes to ours, or to ``output``."""
        settings = {"DJANGO_SETTINGS_MODULE", "REDIS_URL", "SECRET_KEY"}
        kept = {key: value for key, value in os.environ.items() if key not in settings}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-m", self.chosen, *words],
            cwd=ROOT,
            env={**kept, "DATABASE_URL": database_url},
            stdout=self.output,
            stderr=self.output,
        )
        self.code = self.process.wait()

    def show(self) -> None:
        """Print its title, and what it printed while it could not be shown."""
        print(f"── {self.title} ──", flush=True)
        if self.output is not None:
            self.output.seek(0)
            sys.stdout.write(self.output.read().decode("utf-8", "replace"))
            sys.stdout.flush()


def main() -> int:
    """Run all parts; print what each was; return 1 when any failed, or none had a test."""
    words = sys.argv[1:]
    with ExitStack() as files:
        here = Part("On SQLite", "not training")
        later = [
            Part(title, chosen, output=files.enter_context(tempfile.TemporaryFile()))
            for title, chosen in _LATER
        ]
        postgres, *trainings = later
        try:
            with postgres_throwaway() as url:
                waiting = deque(trainings)
                lane = threading.Thread(
                    target=_lane, args=(postgres, waiting, words, url), daemon=True
                )
                lane.start()
                try:
                    here.show()
                    _lane(here, waiting, words, "")
                    lane.join()
                finally:
                    _end([here, *later])
        except PostgresMissing as missing:
            print(f"FAILED: {missing}", flush=True)
            return 1
        for part in later:
            part.show()
    codes = {part.code for part in (here, *later)}
    return 0 if 0 in codes and codes <= {0, _NO_TESTS} else 1


def _lane(first: Part, waiting: "deque[Part]", words: list[str], url: str) -> None:
    """Run a part on its database, then on SQLite whatever neither lane has begun."""
    first.run(words, database_url=url)
    # Killed from outside: then the rest is not wanted either.
    while first.code is not None and first.code >= 0:
        try:
            waiting.popleft().run(words, database_url="")
        except IndexError:
            return


def _end(parts: list[Part]) -> None:
    for part in parts:
        if part.process is not None and part.process.poll() is None:
            part.process.kill()


if __name__ == "__main__":
    sys.exit(main())
