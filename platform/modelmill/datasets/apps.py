"""Django's registration of the datasets room."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """The datasets room: what they bring."""

    name = "modelmill.datasets"
    label = "datasets"
    default_auto_field = "django.db.models.BigAutoField"
