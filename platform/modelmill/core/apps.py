"""Django's registration of the core room."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """The core room: what every other room stands on."""

    name = "modelmill.core"
    label = "core"
    default_auto_field = "django.db.models.BigAutoField"
