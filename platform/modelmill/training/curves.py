"""Tables of the curves: a series for each metric of a job, its points, and buckets of points.

A curve of 500 points is read from buckets, so reading it costs the same for a
thousand points as for a million. How they are kept: ``services/points.py``.
"""

from django.db import models

from modelmill.core.links import TenantLink
from modelmill.core.owned import TenantOwned

NAME_MAX = 100
# More names than this one job never has; the rest is left out.
SERIES_MAX = 200


class MetricSeries(TenantOwned):
    """One metric of one job, and how far its points are gathered into buckets."""

    job = models.ForeignKey("training.Job", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=NAME_MAX)
    points = models.BigIntegerField(default=0)
    last_step = models.BigIntegerField(default=-1)
    # Points up to this step are in buckets, on every level there is.
    rolled_step = models.BigIntegerField(default=-1)
    unrolled = models.PositiveIntegerField(default=0)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["job", "name"], name="metric_series_once"),
            models.UniqueConstraint(fields=["tenant", "id"], name="metric_series_tenant_id"),
            TenantLink(field="job", name="metric_series_job_link"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} {self.name}"


class MetricPoint(TenantOwned):
    """One value at one step; None is what was no finite number."""

    # Without the indexes that nobody would use: there may be millions of rows.
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    series = models.ForeignKey(
        MetricSeries, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    step = models.BigIntegerField()
    value = models.FloatField(null=True)
    at_ms = models.BigIntegerField()

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["series", "step"], name="metric_point_once"),
            TenantLink(field="series", name="metric_point_series_link"),
        ]

    def __str__(self) -> str:
        return f"{self.series_id} step {self.step}"


class MetricBucket(TenantOwned):
    """A stretch of successive points: its ends, its smallest and its largest value.

    Level 1 gathers points, each further level the buckets of the one below. The
    last bucket of a level is open: it is made anew when points come.
    """

    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    series = models.ForeignKey(
        MetricSeries, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    level = models.PositiveSmallIntegerField()
    step_from = models.BigIntegerField()
    step_to = models.BigIntegerField()
    first = models.FloatField(null=True)
    last = models.FloatField(null=True)
    low = models.FloatField(null=True)
    low_step = models.BigIntegerField()
    high = models.FloatField(null=True)
    high_step = models.BigIntegerField()

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["series", "level", "step_from"], name="metric_bucket_once"
            ),
            TenantLink(field="series", name="metric_bucket_series_link"),
        ]

    def __str__(self) -> str:
        return f"{self.series_id} level {self.level} from {self.step_from}"
