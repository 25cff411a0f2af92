"""Django's registration of the cockpit room."""

from django.apps import AppConfig


class CockpitConfig(AppConfig):
    """The cockpit room: the operator's door."""

    name = "modelmill.cockpit"
    label = "cockpit"
    default_auto_field = "django.db.models.BigAutoField"
