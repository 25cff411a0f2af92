"""The catalog's tables: plugins, their releases, entry points that broke, offers to tenants."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from modelmill.catalog.texts import reader_text
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
    # The operator's switch for everyone; an offer decides for a plan or one tenant.
    is_enabled = models.BooleanField(default=True)
    # Whether models of a tenant that may not use the plugin any more still predict.
    keeps_predicting = models.BooleanField(default=True)
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
    """One version of a plugin, with its manifest, and where it is installed.

    Several may be installed at once, each in an environment of its own. Of the manifest only what
    it says of the machine changes: its place, and the base models there are.
    """

    class State(models.TextChoices):
        """Whether the last look at the installation found it."""

        INSTALLED = "installed", _("Installed")
        MISSING = "missing", _("Not installed any more")

    class Doubt(models.TextChoices):
        """Why it is not run until the operator says that it may."""

        NONE = "", _("None")
        DIGEST = "digest", _("Its files changed, and its version did not")
        DISTRIBUTION = "distribution", _("Another package claims this plugin's name")

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=release_id)
    plugin = models.ForeignKey(Plugin, on_delete=models.PROTECT, related_name="releases")
    version = models.CharField(max_length=60)
    digest = models.CharField(max_length=80)
    distribution = models.CharField(max_length=120, blank=True)
    entry_point = models.CharField(max_length=120, blank=True)
    manifest = models.JSONField()
    # The interpreter of the environment it is installed in; empty is the workers' own.
    python = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.INSTALLED)
    doubt = models.CharField(max_length=12, choices=Doubt.choices, default="", blank=True)
    # The operator's switch; a release that is off trains nothing new.
    is_enabled = models.BooleanField(default=True)
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plugin", "version", "digest"], name="release_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["installed", "missing"]), name="release_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(doubt__in=["", "digest", "distribution"]),
                name="release_doubt_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plugin_id} {self.version}"

    @property
    def is_runnable(self) -> bool:
        """Whether it is installed, and the operator has no reason to distrust it."""
        return self.state == self.State.INSTALLED and not self.doubt

    @property
    def title(self) -> str:
        """The plugin's title as this release has it, in the reader's language."""
        return reader_text(self.manifest, str(self.manifest["title"]))

    @property
    def place(self) -> str:
        """Where it is installed: the interpreter of its environment, or a folder of ours."""
        return self.python or str(self.manifest.get("location", ""))

    @property
    def devices_most(self) -> int:
        """How many devices of one machine a training by it can use."""
        return int(self.manifest.get("needs", {}).get("devices", 1))

    def field(self, name: str) -> Any:
        """Return one field of the manifest."""
        return self.manifest.get(name)


class Quarantined(models.Model):
    """An entry point that could not be described, with its traceback for the operator.

    Without an entry point it is a whole environment that could not be looked at.
    """

    distribution = models.CharField(max_length=120, blank=True)
    entry_point = models.CharField(max_length=120, blank=True)
    python = models.CharField(max_length=500, blank=True)
    traceback = models.TextField()
    seen_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["python", "distribution", "entry_point"], name="quarantined_once"
            )
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


class PlanOffer(models.Model):
    """The operator's decision about one plugin for the tenants of a plan, under the tenants' own.

    The plan is known by its code alone: plans are another room's rows.
    """

    plan_code = models.CharField(max_length=40)
    plugin = models.ForeignKey(Plugin, on_delete=models.CASCADE, related_name="plan_offers")
    is_enabled = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan_code", "plugin"], name="plan_offer_once")
        ]

    def __str__(self) -> str:
        return f"{self.plan_code}, {self.plugin_id}: {self.is_enabled}"
