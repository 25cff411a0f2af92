"""Every fault with all its seeds, on SQLite and PostgreSQL at once, and a table of what held.

``FAULTS_SEEDS`` says how many seeds each kill point gets. With the default, 20, there are also
2,000 histories, and 100 jobs whose messages come ten times. Ends non-zero when one did not hold.
"""

import os
import re
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.postgres import postgres_throwaway

ROOT = Path(__file__).resolve().parents[2]
_ROW = re.compile(r"^\| (.+) \| (\d+) \| (\d+) \|$")

Table = dict[str, dict[str, tuple[int, int]]]


def main() -> int:
    """Run both; print one table; return 1 when anything did not hold."""
    table: Table = defaultdict(dict)
    with postgres_throwaway() as url, ThreadPoolExecutor() as pool:
        # At once: a fault waits far more than it computes.
        running = [
            pool.submit(_run, database, address, table)
            for database, address in (("SQLite", ""), ("PostgreSQL", url))
        ]
        codes = [one.result() for one in running]
    all_held = all(runs == held for row in table.values() for runs, held in row.values())
    _print(table)
    return 0 if table and all_held and not any(codes) else 1


def _run(database: str, url: str, table: Table) -> int:
    """Run the tests on one database, showing how they go, and read their table."""
    running = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "tests/faults", *sys.argv[1:]],
        cwd=ROOT,
        env={**os.environ, "FAULTS": "1", "DATABASE_URL": url},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    for line in running.stdout:
        row = _ROW.match(line.strip())
        if row:
            table[row[1]][database] = (int(row[2]), int(row[3]))
        else:
            print(f"{database}: {line}", end="", flush=True)
    return running.wait()


def _print(table: Table) -> None:
    """Print a line for each fault: how often on which database, and whether all held."""
    print("| fault | runs on SQLite | held | runs on PostgreSQL | held |")
    print("|---|---:|---:|---:|---:|")
    for fault, row in sorted(table.items()):
        cells = [row.get(database, (0, 0)) for database in ("SQLite", "PostgreSQL")]
        numbers = " | ".join(f"{runs} | {held}" for runs, held in cells)
        print(f"| {fault} | {numbers} |")
    counts = [cell for row in table.values() for cell in row.values()]
    runs, held = sum(runs for runs, _held in counts), sum(held for _runs, held in counts)
    print(f"{held} of {runs} runs held, of {len(table)} faults.")


if __name__ == "__main__":
    sys.exit(main())
