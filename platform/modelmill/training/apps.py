"""Django's registration of the training room."""

from collections.abc import Iterable

from django.apps import AppConfig

from modelmill.core.freezing import Frozen, freeze
from modelmill.training.states import FOLLOWS


class TrainingConfig(AppConfig):
    """The training room: the story of a training."""

    name = "modelmill.training"
    label = "training"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the database itself refuse what does not follow, whoever asks for it."""
        freeze(
            Frozen(
                table="training_job",
                operations=("UPDATE OF state",),
                when=f"NEW.state <> {{row}}.state AND NOT ({_allowed()})",
            )
        )


def _allowed() -> str:
    """Write the table of states as a condition over the row before and after."""
    return " OR ".join(_follows(str(before), after) for before, after in FOLLOWS.items() if after)


def _follows(before: str, after: Iterable[str]) -> str:
    names = ", ".join(sorted(f"'{state}'" for state in after))
    return f"({{row}}.state = '{before}' AND NEW.state IN ({names}))"
