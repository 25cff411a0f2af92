"""``usage_refused``: counted uses of this machine that could not be recorded."""

from typing import Any

from django.core.management.base import CommandParser

from modelmill.core.management.operating import OperatorCommand
from modelmill.metering.draining import usage_drain
from modelmill.metering.refusing import Refused, refused_list, refused_retry


class Command(OperatorCommand):
    """Show what was put aside, or try to record it again."""

    help = "Show the counted uses of this machine that could not be recorded, or try them again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --retry."""
        parser.add_argument("--retry", action="store_true", help="try to record them again")

    def handle(self, *args: Any, **options: Any) -> None:
        """Try again if asked to, then print what there is, file by file."""
        if options["retry"]:
            files = refused_retry()
            self.stdout.write(f"Tried {files} files again; new in the ledger: {usage_drain()}.")
        held = refused_list()
        for one in held:
            self.stdout.write(_line(one))
        self.stdout.write(f"Files that were put aside: {len(held)}.")


def _line(one: Refused) -> str:
    uses = [f"{tenant} {meter} × {times}" for (tenant, meter), times in sorted(one.uses.items())]
    damaged = [f"damaged lines: {one.damaged}"] if one.damaged else []
    return f"{one.path.name} ({one.at:%Y-%m-%d %H:%M} UTC): {', '.join(uses + damaged)}"
