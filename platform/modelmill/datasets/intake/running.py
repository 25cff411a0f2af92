"""The whole intake of one source, from its bytes to its result."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelmill.datasets.intake.findings import Findings
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.milling import crop_mill
from modelmill.datasets.intake.refusals import Refused
from modelmill.datasets.intake.sources import Source
from modelmill.datasets.intake.sums_images import ImageSummary, Thumbnail


def intake(
    path: Path,
    *,
    name: str,
    folder: Path,
    limits: Limits | None = None,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> dict[str, Any]:
    """Read one source; write its shards and thumbnails into ``folder``; return the result.

    A source that cannot be used gives a result with an ``error`` (code, message)
    and its problems. The same source gives the same result and the same files.
    """
    limits = limits or Limits()
    findings = Findings(keep=limits.problems)
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    try:
        source = Source(path, name=name, scratch=scratch, limits=limits, findings=findings)
        crop = source.crop()
        result = crop_mill(crop, folder=folder, limits=limits, findings=findings, on_rows=on_rows)
        result["thumbnails"] = []
        if isinstance(crop.summary, ImageSummary):
            result["thumbnails"] = _thumbnails_write(crop.summary.thumbnails(), folder)
    except Refused as refused:
        return {"error": refused.error, "rows_seen": 0, **findings.as_json()}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return {**result, **findings.as_json()}


def _thumbnails_write(thumbnails: list[Thumbnail], folder: Path) -> list[dict[str, Any]]:
    written = []
    for number, thumbnail in enumerate(thumbnails):
        file = f"thumbnail-{number:02d}.webp"
        (folder / file).write_bytes(thumbnail.content)
        written.append(
            {
                "file": file,
                "caption": thumbnail.caption,
                "width_px": thumbnail.width_px,
                "height_px": thumbnail.height_px,
            }
        )
    return written
