"""``billing_top_up --tenant SLUG --amount 25.00 --key BANK-REF``: book what a customer paid."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from modelmill.billing.management.tenants import tenant_named
from modelmill.billing.services import wallet_top_up
from modelmill.core.errors import Conflict
from modelmill.core.money import MICRO, micro_text
from modelmill.core.scope import tenant_scope


class Command(BaseCommand):
    """Put money that was paid into a tenant's credit."""

    help = "Add what a customer paid to its credit, once for each payment's reference."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the tenant's slug, the amount, and the payment's reference."""
        parser.add_argument("--tenant", required=True, help="the organisation's short name")
        parser.add_argument("--amount", required=True, help="in the currency's units, as in 25.00")
        parser.add_argument(
            "--key", required=True, help="the payment's reference; the same one again adds nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Book it, and print the credit there is afterwards."""
        tenant = tenant_named(options["tenant"])
        amount_micro = _amount_micro(options["amount"])
        try:
            with tenant_scope(tenant.id):
                balance = wallet_top_up(
                    tenant_id=tenant.id, key=options["key"], amount_micro=amount_micro
                )
        except Conflict as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{tenant.slug} has {micro_text(balance.wallet_micro)} now.")


def _amount_micro(text: str) -> int:
    try:
        exact = Decimal(text) * MICRO
    except InvalidOperation:
        exact = Decimal(0)
    if not exact.is_finite() or exact <= 0 or exact != int(exact):
        raise CommandError(f"{text!r} is no amount of money: write it as in 25.00.")
    return int(exact)
