"""The receipt: usage, the invoice, and the proof that the one adds up to the other."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Literal

import httpx2
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table


class SumsDiffer(Exception):
    """The invoice is not what its events add up to."""


def receipt_print(console: Console, *, url: str, key: str, made: dict[str, str]) -> None:
    """Print what was made and what it cost; raises ``SumsDiffer`` when a sum is off.

    The events are fetched page by page and priced here, independently of the
    server: exact fractions per line, each line rounded once.
    """
    with httpx2.Client(
        base_url=f"{url}/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30
    ) as http:
        newest = _get(http, "/invoices")["data"][0]
        invoice = _get(http, f"/invoices/{newest['id']}")
        total_micro = sum(_line_micro(http, invoice["id"], line) for line in invoice["lines"])
    console.print(_usage_table(invoice))
    for title, value in made.items():
        console.print(f"[bold]{title}[/bold]: {value}", highlight=False, soft_wrap=True)
    unit = f"micro-{invoice['currency'].upper()}"
    count = sum(line["event_count"] for line in invoice["lines"])
    console.print(
        f"[bold]Invoice {invoice['number']}[/bold]: {invoice['subtotal_micro']:,} {unit}"
        f" = the sum of its {count} events: {total_micro:,} {unit}",
        soft_wrap=True,
    )
    if total_micro != invoice["subtotal_micro"]:
        raise SumsDiffer(
            f"The invoice says {invoice['subtotal_micro']}, its events add up to {total_micro}."
        )


def _line_micro(http: httpx2.Client, invoice_id: str, line: dict[str, Any]) -> int:
    """Add a line's events up and price them; raises when a quantity or the count is off."""
    events = list(_events(http, f"/invoices/{invoice_id}/lines/{line['id']}/events"))
    quantity = sum(event["qty"] for event in events)
    if (quantity, len(events)) != (line["qty"], line["event_count"]):
        raise SumsDiffer(
            f"{line['meter']}: billed {line['qty']} of {line['event_count']} events, "
            f"found {quantity} of {len(events)}."
        )
    if line["price"] is None:
        return 0
    exact = Fraction(quantity * line["price"]["amount_micro"], line["price"]["per"])
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def _events(http: httpx2.Client, path: str) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = _get(http, path, limit="1000", **({"after": after} if after else {}))
        yield from page["data"]
        if not page["has_more"]:
            return
        after = page["data"][-1]["id"]


def _get(http: httpx2.Client, path: str, **query: str) -> Any:
    answer = http.get(path, params=query)
    answer.raise_for_status()
    return answer.json()


def _usage_table(invoice: dict[str, Any]) -> Table:
    unit = f"micro-{invoice['currency'].upper()}"
    table = Table(title=f"Usage on invoice {invoice['number']}, prices in {unit}", box=SIMPLE)
    for heading in ("meter", "quantity", "price", "amount"):
        justify: Literal["left", "right"] = "left" if heading == "meter" else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for line in invoice["lines"]:
        price = line["price"]
        table.add_row(
            f"{line['meter']} {line['plugin_id'] or ''}" + ("" if line["billable"] else " (free)"),
            f"{line['qty']:,}",
            f"{price['amount_micro']:,} {price['title']}" if price else "–",
            f"{line['amount_micro']:,}",
        )
    table.add_section()
    table.add_row("total", "", "", f"{invoice['subtotal_micro']:,}")
    return table
