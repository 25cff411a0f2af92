"""Django's registration of the registry room."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """The registry room: what was made."""

    name = "modelmill.registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"
