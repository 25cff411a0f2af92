"""What the operator's commands stand on: whatever is refused is one line that says what to do."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError

from modelmill.core.errors import MillError


class OperatorCommand(BaseCommand):
    """A command that ends with a sentence where it cannot go on, and never with a traceback.

    ``--traceback`` shows where the sentence came from.
    """

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it. Raises CommandError for what a service refused, and for a database away.

        A rule that the database holds and somebody broke is our fault, and keeps its traceback.
        """
        try:
            return super().execute(*args, **options)
        except MillError as error:
            raise CommandError(str(error.message)) from error
        except (OperationalError, ProgrammingError) as error:
            said = " ".join(str(error).split())
            raise CommandError(
                f"The database did not take this: {said}. Check DATABASE_URL, and that "
                "`manage.py migrate` has run."
            ) from error


def whole_checked(name: str, value: int, *, least: int, most: int) -> int:
    """Give a number back that an option was given. Raises CommandError for one out of range."""
    if not least <= value <= most:
        raise CommandError(f"{name} must be a whole number from {least} to {most}, not {value}.")
    return value


def text_checked(name: str, value: str, *, most: int) -> str:
    """Give a text back that an option was given. Raises CommandError for one no row can hold."""
    if not value.strip() or len(value) > most or not value.isprintable():
        raise CommandError(f"{name} must be 1 to {most} printable characters, not {value!a}.")
    return value
