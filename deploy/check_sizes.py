"""The bars on file and function sizes, measured: a file is one thing you can name.

Files: median ≤ 90 lines, 95th percentile ≤ 250, none over 400. Functions:
median ≤ 9, 95th percentile ≤ 40, none over 60, but for a network's ``forward``.
"""

import ast
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE_BARS = (90, 250, 400)
FUNCTION_BARS = (9, 40, 60)
UNBOUNDED = {"forward"}


def main() -> int:
    """Print the figures; return 1 when a bar is broken."""
    files, functions = _measure()
    is_kept = _report("file", files, FILE_BARS)
    is_kept &= _report("function", functions, FUNCTION_BARS)
    return 0 if is_kept else 1


def _measure() -> tuple[dict[str, int], dict[str, int]]:
    files, functions = {}, {}
    for path in _sources():
        text = (ROOT / path).read_text(encoding="utf-8")
        files[path] = text.count("\n")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name not in UNBOUNDED:
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                functions[f"{path}:{node.lineno} {node.name}"] = length
    return files, functions


def _sources() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return [
        path
        for path in listed
        if "/migrations/" not in path and not path.startswith("tests/") and (ROOT / path).exists()
    ]


def _report(kind: str, sizes: dict[str, int], bars: tuple[int, int, int]) -> bool:
    ordered = sorted(sizes.values())
    figures = (
        statistics.median(ordered),
        ordered[int(len(ordered) * 0.95)],
        ordered[-1],
    )
    print(
        f"{len(ordered)} {kind}s: median {figures[0]:g} (≤ {bars[0]}), "
        f"95th percentile {figures[1]} (≤ {bars[1]}), longest {figures[2]} (≤ {bars[2]})"
    )
    for name, size in sizes.items():
        if size > bars[2]:
            print(f"  too long: {name}: {size} lines")
    return all(figure <= bar for figure, bar in zip(figures, bars, strict=True))


if __name__ == "__main__":
    sys.exit(main())
