"""Django's registration of the web room."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The web room: the HTML door."""

    name = "modelmill.web"
    label = "web"
    default_auto_field = "django.db.models.BigAutoField"
