"""The table of lanes: one for each tenant, in the order in which workers serve them."""

from django.db import models

from modelmill.core.owned import TenantOwned


class Lane(TenantOwned):
    """A tenant's place among the others that wait; what happens to it: ``services/turns.py``.

    ``tier``, ``share`` and ``at_once`` are the plan's, copied so that one index holds the order.
    ``turn_ms`` is the device time the tenant has had, over its share: the least is served first.
    ``served_ms`` is what ``turn_ms`` was when it was last served: the highest of a tier tells how
    far the others are, so that whoever comes after a rest begins beside them.
    """

    tier = models.SmallIntegerField(default=0)
    share = models.PositiveIntegerField(default=1)
    at_once = models.PositiveIntegerField(default=1)
    turn_ms = models.BigIntegerField(default=0)
    served_ms = models.BigIntegerField(default=0)
    # Never false while a job waits; true a little longer is harmless.
    waits = models.BooleanField(default=False)

    class Meta(TenantOwned.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="lane_once")]
        indexes = [
            models.Index(
                fields=["-tier", "turn_ms", "id"],
                name="lane_order",
                condition=models.Q(waits=True),
            ),
            models.Index(fields=["tier", "-served_ms"], name="lane_clock"),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} at {self.turn_ms}"
