"""Django's registration of the api room."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The api room: the JSON door."""

    name = "modelmill.api"
    label = "api"
    default_auto_field = "django.db.models.BigAutoField"
