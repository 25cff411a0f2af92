"""Where the built stylesheet, scripts and drawings are: Vite's manifest, read once."""

import json
import logging
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.templatetags.static import static

_log = logging.getLogger(__name__)


def asset_url(source: str) -> str:
    """Return the URL of a built file by its source's path, or "" where nothing is built.

    Pages without style still work, so a server that was started before
    ``npm run build`` answers, and says in its log what is missing.
    """
    entry = _manifest().get(source)
    return static(entry["file"]) if entry else ""


@lru_cache(maxsize=1)
def _manifest() -> dict[str, Any]:
    path = settings.BASE_DIR / "assets" / "dist" / "manifest.json"
    if not path.exists():
        _log.warning("No built assets at %s: run `npm ci && npm run build`.", path)
        return {}
    manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return manifest
