"""The catalog's tables: plugins, their releases, entry points that broke, offers to tenants."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.owned import TenantOwned

PLUGIN_ID_MAX_LENGTH = 64


def release_id() -> str:
    """Return a fresh release id."""
    return new_id("rel")


class Plugin(models.Model):
    """An installed plugin, under the id its author gave it."""

    class State(models.TextChoices):
        """Whether the installation has the plugin's code."""

        AVAILABLE = "available", _("Available")
        MISSING = "missing", _("Not installed any more")

    id = models.CharField(primary_key=True, max_length=PLUGIN_ID_MAX_LENGTH)
    title = models.CharField(max_length=120)
    state = models.CharField(max_length=12, choices=State.choices, default=State.AVAILABLE)
    # The operator's switch for everyone; an offer decides for one tenant.
    is_enabled = models.BooleanField(default=True)
    release = models.ForeignKey("Release", on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["title"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["available", "missing"]), name="plugin_state_known"
            )
        ]

    def __str__(self) -> str:
        return self.title


class Release(models.Model):
    """One version of a plugin, with its manifest; it never changes."""

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=release_id)
    plugin = models.ForeignKey(Plugin, on_delete=models.PROTECT, related_name="releases")
    version = models.CharField(max_length=60)
    digest = models.CharField(max_length=80)
    distribution = models.CharField(max_length=120, blank=True)
    entry_point = models.CharField(max_length=120, blank=True)
    manifest = models.JSONField()
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plugin", "version", "digest"], name="release_once")
        ]

    def __str__(self) -> str:
        return f"{self.plugin_id} {self.version}"

    def field(self, name: str) -> Any:
        """Return one field of the manifest."""
        return self.manifest.get(name)


class Quarantined(models.Model):
    """An entry point that could not be described, with its traceback for the operator."""

    distribution = models.CharField(max_length=120, blank=True)
    entry_point = models.CharField(max_length=120)
    traceback = models.TextField()
    seen_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["distribution", "entry_point"], name="quarantined_once")
        ]

    def __str__(self) -> str:
        return f"{self.distribution}:{self.entry_point}"


class Offer(TenantOwned):
    """The operator's decision about one plugin for one tenant, against the plugin's own switch."""

    plugin = models.ForeignKey(Plugin, on_delete=models.CASCADE, related_name="offers")
    is_enabled = models.BooleanField()

    class Meta(TenantOwned.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "plugin"], name="offer_once")]

    def __str__(self) -> str:
        return f"{self.plugin_id}: {self.is_enabled}"
