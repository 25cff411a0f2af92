"""The words and colours for states that pages show: one place, so they agree everywhere."""

import re
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

_TONES: Final[dict[str, tuple[str, ...]]] = {
    "success": (
        "active",
        "available",
        "ready",
        "succeeded",
        "paid",
        "published",
        "finalized",
        "accepted",
        "delivered",
        "complete",
    ),
    "info": ("running", "validating", "validating_files", "processing", "open", "starting"),
    "warning": (
        "missing",
        "paused",
        "suspended",
        "expired",
        "cancelling",
        "failing",
        "pausing",
        "finishing",
        "draft",
        "invited",
    ),
    "error": ("failed", "quarantined", "broken", "lost", "overdue"),
}

_LABELS: Final[dict[str, str | Promise]] = {
    "accepted": _("Accepted"),
    "active": _("Active"),
    "archived": _("Archived"),
    "available": _("Available"),
    "broken": _("Broken"),
    "cancelled": _("Cancelled"),
    "cancelling": _("Cancelling"),
    "complete": _("Complete"),
    "current": _("Current"),
    "delivered": _("Delivered"),
    "doubted": _("To be confirmed"),
    "draft": _("Draft"),
    "ended": _("Ended"),
    "expired": _("Expired"),
    "failed": _("Failed"),
    "failing": _("Failing"),
    "finalized": _("Finalized"),
    "installed": _("Installed"),
    "invited": _("Invited"),
    "lost": _("Lost"),
    "missing": _("Not installed any more"),
    "finishing": _("Finishing"),
    "off": _("Off"),
    "open": pgettext_lazy("state of an invoice", "Open"),
    "overdue": _("Overdue"),
    "paid": _("Paid"),
    "paused": _("Paused"),
    "pausing": _("Pausing"),
    "pending": _("Pending"),
    "planned": _("Planned"),
    "replaced": _("Replaced"),
    "processing": _("Processing"),
    "published": _("Published"),
    "quarantined": _("Quarantined"),
    "queued": _("Queued"),
    "ready": _("Ready"),
    "retired": _("Retired"),
    "revoked": _("Revoked"),
    "running": _("Running"),
    "starting": _("Starting"),
    "stopped": _("Stopped early"),
    "succeeded": _("Succeeded"),
    "suspended": _("Suspended"),
    "validating": _("Validating"),
    "validating_files": _("Validating"),
}


def state_label(state: str) -> str:
    """Return the word for a state, in the reader's language."""
    return str(_LABELS.get(state, state.replace("_", " ")))


def state_tone(state: str) -> str:
    """Return the colour for a state: success, info, warning, error or neutral."""
    for tone, states in _TONES.items():
        if state in states:
            return tone
    return "neutral"


TASKS: Final[dict[str, tuple[str | Promise, str]]] = {
    "image-generation": (_("Makes pictures"), "image"),
    "text-generation": (_("Writes text"), "text"),
    "image-classification": (_("Sorts pictures"), "image"),
    "text-classification": (_("Sorts text"), "text"),
    "recommendation": (_("Recommends"), "bolt"),
    "table-prediction": (_("Completes tables"), "data"),
    "embeddings": (_("Turns text into vectors"), "text"),
    "other": (_("Other"), "plugin"),
}


def task_label(task: str) -> str:
    """Return what a plugin is for, in the reader's language."""
    label, _icon = TASKS.get(task, (task.replace("-", " ").capitalize(), ""))
    return str(label)


def task_icon(task: str) -> str:
    """Return the name of the icon of a plugin's task."""
    _label, icon = TASKS.get(task, ("", "plugin"))
    return icon


SCOPE_LABELS: Final[dict[str, str | Promise]] = {
    "data:read": _("Read data"),
    "data:write": _("Upload and change data"),
    "jobs:read": _("Read training jobs"),
    "jobs:write": _("Start and stop training jobs"),
    "models:read": _("Read models"),
    "models:write": _("Change models"),
    "models:download": _("Download models"),
    "infer": _("Use models"),
    "billing:read": _("Read usage and invoices"),
    "webhooks:read": _("Read webhooks"),
    "webhooks:write": _("Change webhooks"),
}

# As ``Caller.actor`` names them.
_KEY_ACTOR: Final = re.compile(r"API key (.+) \((key[-_]\w+)\)")
_OPERATOR_ACTOR: Final = re.compile(r"operator (.+)")
_ACTORS: Final[dict[str, str | Promise]] = {
    "system": _("the platform"),
    "operator": _("the operator"),
}

_ACTIONS: Final[dict[str, str | Promise]] = {
    "api_key.created": _("API key made"),
    "api_key.revoked": _("API key revoked"),
    "dataset.deleted": _("Dataset deleted"),
    "dataset.renamed": _("Dataset renamed"),
    "file.created": _("File uploaded"),
    "file.deleted": _("File deleted"),
    "invitation.cancelled": _("Invitation withdrawn"),
    "job.cancelled": _("Training job cancelled"),
    "job.finished_early": _("Training job finished early"),
    "checkpoint.deleted": _("Checkpoint deleted"),
    "job.paused": _("Training job paused"),
    "job.resumed": _("Training job resumed"),
    "job.submitted": _("Training job submitted"),
    "member.invited": _("Member invited"),
    "member.joined": _("Member joined"),
    "member.removed": _("Member removed"),
    "member.role_set": _("Role changed"),
    "model.downloaded": _("Model downloaded"),
    "plugin.offered": _("Use of a plugin decided by the operator"),
    "prices.moved": _("Other prices from next month on, by the operator"),
    "search.cancelled": _("Search cancelled"),
    "search.submitted": _("Search begun"),
    "tenant.active": _("Organisation resumed"),
    "tenant.changed": _("Settings changed"),
    "tenant.billing_changed": _("Details on invoices changed"),
    "tenant.created": _("Organisation created"),
    "tenant.suspended": _("Organisation suspended"),
    "webhook.changed": _("Webhook changed"),
    "webhook.created": _("Webhook made"),
    "webhook.deleted": _("Webhook deleted"),
    "webhook.secret_rotated": _("Webhook’s secret renewed"),
}


def actor_label(actor: str) -> str:
    """Return who did something, as it was noted, for people: an address stays what it is."""
    if key := _KEY_ACTOR.fullmatch(actor):
        return str(_("API key %(name)s (%(id)s)")) % {"name": key[1], "id": key[2]}
    if operator := _OPERATOR_ACTOR.fullmatch(actor):
        return str(_("operator %(name)s")) % {"name": operator[1]}
    return str(_ACTORS.get(actor, actor))


def action_label(action: str) -> str:
    """Return an audit entry's action for people, in the reader's language."""
    return str(_ACTIONS.get(action, action))
