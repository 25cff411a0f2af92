"""Django's registration of the metering room."""

from django.apps import AppConfig

from modelmill.core.freezing import Frozen, freeze


class MeteringConfig(AppConfig):
    """The metering room: what was used."""

    name = "modelmill.metering"
    label = "metering"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Freeze the ledger: a wrong event is answered by another one, never changed."""
        freeze(Frozen(table="metering_usageevent"))
