"""A search and its trials."""

from django.db import models

from modelmill.catalog.models import Release
from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.links import TenantLink
from modelmill.core.owned import TenantOwned
from modelmill.tenants.models import Tenant


def search_id() -> str:
    """Return a fresh search id."""
    return new_id("search", separator="_")


class Search(TenantOwned):
    """What is to be found out, within which bounds, and how far it is.

    ``space`` has the parameters that vary (see ``space.space_check``),
    ``parameters`` those that do not. ``busy_until`` keeps two workers from
    thinking about the same search at once.
    """

    class Method(models.TextChoices):
        """How the next trial's parameters are chosen."""

        GRID = "grid", "Grid"
        RANDOM = "random", "Random"
        GUIDED = "guided", "Guided"

    class Goal(models.TextChoices):
        """Which values of the metric are better."""

        MINIMIZE = "minimize", "Minimize"
        MAXIMIZE = "maximize", "Maximize"

    class State(models.TextChoices):
        """Whether trials are still begun."""

        RUNNING = "running", "Running"
        ENDED = "ended", "Ended"
        CANCELLED = "cancelled", "Cancelled"

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=search_id)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+")
    training_ref = models.CharField(max_length=ID_MAX_LENGTH)
    validation_ref = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    space = models.JSONField()
    parameters = models.JSONField(default=dict)
    metric = models.CharField(max_length=100)
    goal = models.CharField(max_length=8, choices=Goal.choices)
    method = models.CharField(max_length=6, choices=Method.choices)
    is_halving = models.BooleanField(default=True)
    seed = models.BigIntegerField()
    max_trials = models.PositiveIntegerField()
    parallel = models.PositiveIntegerField()
    budget_micro = models.BigIntegerField(null=True)
    suffix = models.CharField(max_length=64, blank=True)

    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING)
    # Why no trial is begun any more: "trials", "budget", "money", "failing", "cancelled", "gone".
    ended_by = models.CharField(max_length=12, blank=True)
    message = models.TextField(blank=True)
    busy_until = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=200, blank=True)
    user = models.ForeignKey("tenants.User", on_delete=models.SET_NULL, null=True, related_name="+")
    api_key_id = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    idempotency_key = models.CharField(max_length=255, null=True)
    spec_hash = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="search_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "idempotency_key"], name="search_asked_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["running", "ended", "cancelled"]),
                name="search_state_known",
            ),
        ]
        indexes = [models.Index(fields=["state"], name="search_by_state")]

    def __str__(self) -> str:
        return self.id

    @property
    def plugin_id(self) -> str:
        """The plugin whose parameters are sought."""
        return self.release.plugin_id

    @property
    def is_running(self) -> bool:
        """Whether more trials may begin."""
        return self.state == self.State.RUNNING

    @property
    def may_begin(self) -> bool:
        """Whether one may begin now: none does while the tenant is suspended."""
        return self.is_running and self.tenant.state == Tenant.State.ACTIVE


class Trial(TenantOwned):
    """One set of parameters that was tried; without a job when no job could be made of it."""

    class Outcome(models.TextChoices):
        """How a trial ended."""

        COMPLETE = "complete", "Complete"
        STOPPED = "stopped", "Stopped early"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    search = models.ForeignKey(Search, on_delete=models.CASCADE, related_name="trials")
    job = models.OneToOneField(
        "training.Job", on_delete=models.CASCADE, null=True, related_name="trial"
    )
    number = models.PositiveIntegerField()
    parameters = models.JSONField()
    # What the metric was at each rung it was measured at, by the rung in percent.
    rungs = models.JSONField(default=dict)
    # The best the metric has been, once the trial is over.
    value = models.FloatField(null=True)
    outcome = models.CharField(max_length=9, choices=Outcome.choices, blank=True)
    message = models.TextField(blank=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["search", "number"], name="trial_once"),
            TenantLink(field="search", name="trial_search_link"),
            TenantLink(field="job", name="trial_job_link"),
        ]
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.search_id} trial {self.number}"
