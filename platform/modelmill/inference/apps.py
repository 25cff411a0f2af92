"""Django's registration of the inference room."""

from django.apps import AppConfig


class InferenceConfig(AppConfig):
    """The inference room: the story of a use."""

    name = "modelmill.inference"
    label = "inference"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the storage who else holds bytes: a prediction names its outputs in a list."""
        from modelmill.core.orphans import blob_users_register
        from modelmill.inference.forgetting import outputs_count

        blob_users_register(outputs_count)
