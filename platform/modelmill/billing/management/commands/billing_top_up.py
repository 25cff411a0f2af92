"""``billing_top_up --tenant SLUG --amount 25.00 --key BANK-REF``: book what a customer paid."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from modelmill.billing.management.naming import tenant_named
from modelmill.billing.services import wallet_top_up
from modelmill.core.management.operating import OperatorCommand, text_checked
from modelmill.core.money import MICRO, micro_read, micro_text
from modelmill.core.scope import tenant_scope

# A payment's reference is part of a key of the journal; a billion is beyond any payment.
_KEY_MAX = 150
_AMOUNT_MAX_MICRO = 1_000_000_000 * MICRO


class Command(OperatorCommand):
    """Put money that was paid into a tenant's balance, which pays what is due first."""

    help = (
        "Book what a customer paid, once for each payment's reference: "
        "it pays what is due, the oldest invoice first, and the rest stays in the balance."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the tenant's slug, the amount, and the payment's reference."""
        parser.add_argument("--tenant", required=True, help="the organisation's short name or id")
        parser.add_argument("--amount", required=True, help="in the currency's units, as in 25.00")
        parser.add_argument(
            "--key", required=True, help="the payment's reference; the same one again adds nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Book it, and print the balance there is afterwards, and what is still due."""
        tenant = tenant_named(options["tenant"])
        amount_micro = _amount_micro(options["amount"])
        key = text_checked("--key", options["key"], most=_KEY_MAX)
        with tenant_scope(tenant.id):
            balance = wallet_top_up(tenant_id=tenant.id, key=key, amount_micro=amount_micro)
        due = f" Still due: {micro_text(-balance.receivable_micro)}."
        self.stdout.write(
            f"{tenant.slug} has {micro_text(balance.wallet_micro)} now."
            f"{due if balance.receivable_micro else ''}"
        )


def _amount_micro(text: str) -> int:
    amount_micro = micro_read(text)
    if amount_micro is None or not 0 < amount_micro <= _AMOUNT_MAX_MICRO:
        raise CommandError(
            f"{text!a} is no amount of money: write it as in 25.00, with at most six decimals."
        )
    return amount_micro
