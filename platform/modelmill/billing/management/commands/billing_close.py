"""``billing_close --tenant SLUG``: the operator closes a tenant's period by hand."""

from typing import Any

from django.core.management.base import CommandParser

from modelmill.billing.closing import invoices_close
from modelmill.billing.management.naming import tenant_named
from modelmill.billing.months import month_start
from modelmill.core.clock import database_now
from modelmill.core.management.operating import OperatorCommand
from modelmill.core.money import MICRO_PER_CENT, micro_text
from modelmill.core.scope import tenant_scope


class Command(OperatorCommand):
    """Close a tenant's open period into an invoice."""

    help = "Close an organisation's open period at the beginning of this month, or now with --now."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the tenant's slug, and --now."""
        parser.add_argument("--tenant", required=True, help="the organisation's short name or id")
        parser.add_argument("--now", action="store_true", help="close up to this moment")

    def handle(self, *args: Any, **options: Any) -> None:
        """Close, and print each invoice: its id, number and total. A change of prices makes two."""
        tenant = tenant_named(options["tenant"])
        end = None if options["now"] else month_start(database_now())
        with tenant_scope(tenant.id):
            invoices = invoices_close(tenant_id=tenant.id, end=end)
        if not invoices:
            self.stdout.write("Nothing was used in the open period: no invoice.")
        for invoice in invoices:
            total = micro_text(
                invoice.total_cents * MICRO_PER_CENT, currency=invoice.currency, places=2
            )
            self.stdout.write(f"{invoice.id} {invoice.full_number} {total}")
