"""The journal: every movement of money once, under the lock of the tenant's balance."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelmill.billing.models import Balance, JournalEntry, JournalTxn
from modelmill.billing.models.money import Account


@dataclass(frozen=True)
class Move:
    """An amount, in micro-units, from one account to another; zero moves nothing.

    One that pays what is due names the invoice: ``dues``.
    """

    from_account: Account
    to_account: Account
    amount_micro: int
    invoice_id: str | None = None


def balance_lock(tenant_id: str) -> Balance:
    """Return the tenant's balance, locked until the transaction ends.

    All the tenant's money is behind this one lock, so movements never cross.
    Whoever also writes usage in the same transaction does that first.
    """
    return Balance.objects.select_for_update().get(tenant_id=tenant_id)


def journal_post(
    balance: Balance, *, key: str, moves: Sequence[Move], subject: str = ""
) -> JournalTxn | None:
    """Move money and write it down, once; None when nothing moves or the key was used already.

    ``balance`` is locked and holds the new amounts afterwards. The database
    refuses an overdrawn wallet; whoever can explain that to the customer asks
    ``balance`` before.
    """
    moves = [move for move in moves if move.amount_micro]
    if not moves:
        return None
    if JournalTxn.objects.filter(tenant_id=balance.tenant_id, idempotency_key=key).exists():
        return None
    txn = JournalTxn.objects.create(
        tenant_id=balance.tenant_id, idempotency_key=key, subject=subject
    )
    JournalEntry.objects.bulk_create(
        JournalEntry(
            tenant_id=balance.tenant_id,
            txn=txn,
            from_account=move.from_account,
            to_account=move.to_account,
            amount_micro=move.amount_micro,
            invoice_id=move.invoice_id,
        )
        for move in moves
    )
    for move in moves:
        _add(balance, move.from_account, -move.amount_micro)
        _add(balance, move.to_account, move.amount_micro)
    balance.save()
    return txn


def _add(balance: Balance, account: Account, amount_micro: int) -> None:
    column = f"{account.value}_micro"
    setattr(balance, column, getattr(balance, column) + amount_micro)
