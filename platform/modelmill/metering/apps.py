"""Django's registration of the metering room."""

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    """The metering room: what was used."""

    name = "modelmill.metering"
    label = "metering"
    default_auto_field = "django.db.models.BigAutoField"
