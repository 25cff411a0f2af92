"""How models are named: OpenAI's ``ft:<base>:<organisation>:<suffix>:<id>``, and our own names."""

import re

from django.utils.text import slugify

MAX_SUFFIX_LENGTH = 64
# In the middle of a checkpoint's name, which is also the name of the model made of it.
CHECKPOINT_MARK = ":ckpt-step-"

_SHORT_ID_LENGTH = 8


def suffix_clean(suffix: str) -> str:
    """Make a suffix fit for a name in a path: letters of any script, digits, hyphens."""
    return slugify(suffix, allow_unicode=True)[:MAX_SUFFIX_LENGTH].strip("-_")


def version_name(*, plugin_id: str, tenant_slug: str, suffix: str, version_id: str) -> str:
    """Return the name customers send as ``model``; the end of the id makes it unique."""
    return f"ft:{plugin_id}:{tenant_slug}:{suffix}:{version_id[-_SHORT_ID_LENGTH:]}"


def installed_name(plugin_id: str, folder: str) -> str:
    """Return the name of a model that the operator installed: the plugin's, and the folder's."""
    return f"{plugin_id}:{folder}" if folder else plugin_id


def alias_is_valid(name: str) -> bool:
    """Say whether a word can be an alias."""
    return re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,49}", name) is not None
