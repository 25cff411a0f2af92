"""Django's registration of the training room."""

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """The training room: the story of a training."""

    name = "modelmill.training"
    label = "training"
    default_auto_field = "django.db.models.BigAutoField"
