"""``mill-plugin check``: does a plugin keep every promise of the contract?"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from modelmill_sdk.conformance.checks import PROMISES
from modelmill_sdk.conformance.engine import plugin_check, trial_of
from modelmill_sdk.conformance.verdicts import CheckReport, Verdict
from modelmill_sdk.tools.finding import Found, plugins_find
from modelmill_sdk.tools.raw import dataset_of
from modelmill_sdk.tools.screen import bar_for_people
from modelmill_sdk.tools.values import values_read

SIGNS = {"passed": "ok", "failed": "FAILED", "skipped": "skip"}


def arguments_add(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command."""
    parser.add_argument("plugin", nargs="?", default=".", help="folder, file, module or plugin id")
    parser.add_argument("--data", type=Path, help="raw data or a dataset folder to train on")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--timeout-s", type=float, default=120.0, help="most for a piece of work")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--fenced", action="store_true", help="a stranger's: inside bubblewrap")


def command_run(options: argparse.Namespace) -> int:
    """Check each plugin; 1 if one of them failed."""
    with tempfile.TemporaryDirectory(prefix="mill-site-") as site:
        found = plugins_find(options.plugin, site=Path(site).resolve())
        reports = [_check(one, options, Path(site)) for one in found]
    if options.json:
        sys.stdout.write(json.dumps([report.as_json() for report in reports], indent=2) + "\n")
    return 1 if any(report.failed for report in reports) else 0


def _check(found: Found, options: argparse.Namespace, site: Path) -> CheckReport:
    data = options.data
    trial = trial_of(
        found.plugin,
        params=values_read(options.param) if options.param else None,
        inputs=[values_read(options.input)] if options.input else None,
        data=(lambda folder: dataset_of(data, folder)) if data is not None else None,
    )

    known: list[Verdict] = []
    with bar_for_people(is_silent=options.json) as bar:

        def show(verdict: Verdict) -> None:
            known.append(verdict)
            bar.say(f"  {SIGNS[verdict.outcome]:<7}{verdict.check}")
            bar.show(len(known), len(PROMISES), {})

        bar.show(0, len(PROMISES), {})
        report = plugin_check(
            found.plugin,
            target=found.target,
            trial=trial,
            timeout_s=options.timeout_s,
            listen=show,
        )
    if not options.json:
        sys.stdout.write(report.as_text() + "\n")
    return report
