"""``billing_prices …``: show the price books, and give customers another one from next month."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from modelmill.billing.books import access_book, book_current
from modelmill.billing.management.naming import tenant_named
from modelmill.billing.models import PriceBook
from modelmill.billing.moving import subscription_move, subscriptions_move
from modelmill.billing.selectors import book_list
from modelmill.core.management.operating import OperatorCommand
from modelmill.core.scope import system_scope

_ACTOR = "operator"
_SHOWN = 20


class Command(OperatorCommand):
    """Say which book customers have from their next month on."""

    help = (
        "Show the price books; or give organisations one of them from the beginning of their "
        "next month, in UTC. The running month keeps its prices."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the book, and who is given it."""
        parser.add_argument("--book", help="the book's id; without it, the one in force now")
        parser.add_argument(
            "--tenant", action="append", default=[], help="an organisation's short name or id"
        )
        parser.add_argument("--all", action="store_true", help="every organisation there is")

    def handle(self, *args: Any, **options: Any) -> None:
        """Give the book to those who were named, or show every book."""
        if options["tenant"] and options["all"]:
            raise CommandError("Name organisations or give --all, not both.")
        if options["tenant"] or options["all"]:
            book = access_book(options["book"]) if options["book"] else book_current()
            self._move(book, options)
        elif options["book"]:
            raise CommandError("Say who is given this book: name organisations, or give --all.")
        else:
            self._show()

    def _move(self, book: PriceBook, options: dict[str, Any]) -> None:
        if options["all"]:
            with system_scope("the operator gives every tenant a price book"):
                count, starts_at = subscriptions_move(book, actor=_ACTOR)
            self.stdout.write(f"{book.pk} holds for all {count} from {starts_at:%Y-%m-%d} UTC.")
            return
        for tenant in [tenant_named(word) for word in options["tenant"]]:
            starts_at = subscription_move(tenant, book=book, actor=_ACTOR)
            self.stdout.write(f"{book.pk} holds for {tenant.slug} from {starts_at:%Y-%m-%d} UTC.")

    def _show(self) -> None:
        current = book_current()
        for book in book_list()[:_SHOWN]:
            mark = " (in force)" if book.pk == current.pk else ""
            self.stdout.write(
                f"{book.pk} from {book.effective_from:%Y-%m-%d %H:%M} UTC, "
                f"{len(book.prices.all())} prices{mark}"
            )
