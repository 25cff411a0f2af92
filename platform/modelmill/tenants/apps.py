"""Django's registration of the tenants room."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """The tenants room: who is asking."""

    name = "modelmill.tenants"
    label = "tenants"
    default_auto_field = "django.db.models.BigAutoField"
