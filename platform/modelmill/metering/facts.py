"""A fact of use as callers state it, checked and hashed before it is stored."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from modelmill.core.errors import Conflict

QTY_MAX = 2**63 - 1


class UsageConflict(Conflict):
    """The same event id came with another body; what is stored stays as it was."""

    code = "usage_conflict"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """One use of a meter. ``(source, event_id)`` names it for ever within its tenant.

    Build the id from the fact ("attempt:7:slice:3"), never at random and never
    from the try: that is what makes a repeated call harmless. ``qty`` is a whole
    number in the meter's unit.
    """

    source: str
    event_id: str
    meter: str
    qty: int
    occurred_at: datetime
    subject: str = ""
    plugin_id: str = ""
    model_id: str = ""
    api_key_id: str = ""
    billable: bool = True
    reason: str = ""
    dims: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.source or not self.event_id or not self.meter:
            raise ValueError("A usage event needs a source, an event id and a meter.")
        if type(self.qty) is not int or not 0 <= self.qty <= QTY_MAX:
            raise ValueError(f"qty must be a whole number from 0 to 2**63-1, not {self.qty!r}.")
        if self.occurred_at.tzinfo is None:
            raise ValueError("occurred_at must know its time zone.")

    @property
    def payload_sha256(self) -> str:
        """Hash everything the event says, the same for equal facts in any time zone."""
        body = asdict(self) | {"occurred_at": self.occurred_at.astimezone(UTC).isoformat()}
        return hashlib.sha256(
            json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest()
