"""Run one benchmark by name: ``python -m benchmarks p7 [--small]``.

A benchmark whose ``main`` takes ``arguments`` is given what else stands on the command line.
"""

import argparse
import importlib
import inspect
import pkgutil
import re
import sys

import benchmarks

# What is measured, and beside whom: p7_api_request; the other modules serve these.
_NAME = re.compile(r"(p\d+|tabular|vae|metrics|pruning)_\w+")


def main() -> int:
    """Run it; return 2 and list the names when there is none of that name."""
    names = sorted(
        module.name.partition("_")[0]
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if _NAME.fullmatch(module.name)
    )
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("name", choices=names)
    parser.add_argument("--small", action="store_true", help="only show that it works")
    options, rest = parser.parse_known_args()
    found = next(
        module.name
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if _NAME.fullmatch(module.name) and module.name.startswith(f"{options.name}_")
    )
    run = importlib.import_module(f"benchmarks.{found}").main
    if "arguments" in inspect.signature(run).parameters:
        run(small=options.small, arguments=rest)
    elif rest:
        parser.error(f"{options.name} takes no {rest[0]}")
    else:
        run(small=options.small)
    return 0


if __name__ == "__main__":
    sys.exit(main())
