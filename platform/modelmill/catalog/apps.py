"""Django's registration of the catalog room."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """The catalog room: what can be made."""

    name = "modelmill.catalog"
    label = "catalog"
    default_auto_field = "django.db.models.BigAutoField"
