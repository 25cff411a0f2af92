"""Django's registration of the inference room."""

from django.apps import AppConfig


class InferenceConfig(AppConfig):
    """The inference room: the story of a use."""

    name = "modelmill.inference"
    label = "inference"
    default_auto_field = "django.db.models.BigAutoField"
