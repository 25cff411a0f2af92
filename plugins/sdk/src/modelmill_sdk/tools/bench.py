"""``mill-plugin bench``: how fast a plugin starts, trains and predicts, and in how much memory."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from modelmill_sdk.conformance.engine import trial_of
from modelmill_sdk.conformance.measuring import Figure, plugin_measure
from modelmill_sdk.tools.finding import plugin_find_one
from modelmill_sdk.tools.raw import dataset_of
from modelmill_sdk.tools.screen import bar_for_people
from modelmill_sdk.tools.values import values_read


def arguments_add(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command."""
    parser.add_argument("plugin", nargs="?", default=".", help="folder, file, module or plugin id")
    parser.add_argument("--id", help="which plugin, where one folder brings several")
    parser.add_argument("--data", type=Path, help="raw data or a dataset folder to train on")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--fenced", action="store_true", help="a stranger's: inside bubblewrap")


def command_run(options: argparse.Namespace) -> int:
    """Measure, and print the table."""
    data = options.data
    with tempfile.TemporaryDirectory(prefix="mill-site-") as site:
        found = plugin_find_one(options.plugin, site=Path(site).resolve(), plugin_id=options.id)
        trial = trial_of(
            found.plugin,
            params=values_read(options.param) if options.param else None,
            data=(lambda folder: dataset_of(data, folder)) if data is not None else None,
        )
        with bar_for_people(is_silent=options.json) as bar:
            figures = plugin_measure(
                found.plugin,
                found.target,
                trial=trial,
                listen=lambda step, total: bar.show(step, total, {}),
            )
    if options.json:
        values = {one.name: {"value": one.value, "unit": one.unit} for one in figures}
        sys.stdout.write(json.dumps(values, indent=2) + "\n")
    else:
        sys.stdout.write(_table(found.plugin.id, figures))
    return 0


def _table(plugin_id: str, figures: list[Figure]) -> str:
    width = max(len(one.name) for one in figures)
    lines = [f"{plugin_id}, one thread of this machine's processor"]
    lines += [f"  {one.name:<{width}}  {one.value:>12,.4g} {one.unit}" for one in figures]
    return "\n".join(lines) + "\n"
