"""The receipt: usage, the invoice, and the proof that the one adds up to the other."""

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table


class SumsDiffer(Exception):
    """The invoice is not what its events add up to."""


def receipt_print(console: Console, *, url: str, key: str, made: dict[str, str]) -> None:
    """Print what was made and what it cost; raises ``SumsDiffer`` when a sum is off.

    The events are fetched one page at a time and priced here, independently of
    the server: exact fractions per line, each line rounded once.
    """
    with httpx2.Client(
        base_url=f"{url}/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30
    ) as http:
        invoice = _get(http, "/invoices")["data"][0]
        invoice = _get(http, f"/invoices/{invoice['id']}")
        total_micro = sum(_line_micro(http, invoice["id"], line) for line in invoice["lines"])
    console.print(_usage_table(invoice))
    for title, value in made.items():
        console.print(f"[bold]{title}[/bold]: {value}", highlight=False, soft_wrap=True)
    currency = invoice["currency"].upper()
    console.print(
        f"[bold]Invoice {invoice['number']}[/bold]: {invoice['subtotal_micro']:,} micro-{currency}"
        f" = the sum of its {_count(invoice)} events: {total_micro:,} micro-{currency}"
    )
    if total_micro != invoice["subtotal_micro"]:
        raise SumsDiffer(
            f"The invoice says {invoice['subtotal_micro']}, its events add up to {total_micro}."
        )


def _line_micro(http: httpx2.Client, invoice_id: str, line: dict[str, Any]) -> int:
    quantity = 0
    for event in _events(http, f"/invoices/{invoice_id}/lines/{line['id']}/events"):
        quantity += event["qty"]
    if quantity != line["qty"]:
        raise SumsDiffer(f"{line['title']}: billed {line['qty']}, its events say {quantity}.")
    exact = Fraction(quantity * line["price"]["amount_micro"], line["price"]["per"])
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def _events(http: httpx2.Client, path: str) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = _get(http, path, **({"after": after} if after else {}))
        yield from page["data"]
        if not page["has_more"]:
            return
        after = page["data"][-1]["id"]


def _get(http: httpx2.Client, path: str, **query: str) -> Any:
    answer = http.get(path, params=query)
    answer.raise_for_status()
    return answer.json()


def _usage_table(invoice: dict[str, Any]) -> Table:
    table = Table(title=f"Usage, {invoice['period_start']} to {invoice['period_end']}")
    for heading in ("what", "quantity", "price", "amount (micro)"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for line in invoice["lines"]:
        price = line["price"]
        table.add_row(
            line["title"],
            f"{line['qty']:,} {line['unit']}",
            f"{price['amount_micro']:,} per {price['per']:,}",
            f"{line['amount_micro']:,}",
        )
    table.add_section()
    table.add_row("Total", "", "", f"{invoice['subtotal_micro']:,}")
    return table


def _count(invoice: dict[str, Any]) -> int:
    counts: dict[str, int] = defaultdict(int)
    for line in invoice["lines"]:
        counts[line["id"]] = line["event_count"]
    return sum(counts.values())
