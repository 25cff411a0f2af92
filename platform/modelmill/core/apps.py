"""Django's registration of the core room."""

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate, pre_migrate

from modelmill.core.freezing import triggers_create, triggers_drop
from modelmill.core.killpoints import killpoints_arm


class CoreConfig(AppConfig):
    """The core room: what every other room stands on."""

    name = "modelmill.core"
    label = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Take the frozen tables' triggers off before a migration and put them back after."""
        killpoints_arm(settings.KILL_POINTS)
        pre_migrate.connect(triggers_drop, sender=self, dispatch_uid="core.frozen.drop")
        post_migrate.connect(triggers_create, sender=self, dispatch_uid="core.frozen.create")
