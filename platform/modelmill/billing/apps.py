"""Django's registration of the billing room."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """The billing room: what it costs."""

    name = "modelmill.billing"
    label = "billing"
    default_auto_field = "django.db.models.BigAutoField"
