"""Rows become shards: duplicates dropped, splits decided, everything hashed on the way."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelmill.datasets.intake.findings import Findings, Reason
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.refusals import Refusal, Refused
from modelmill.datasets.intake.rows import Crop, Row
from modelmill.datasets.intake.seen import Seen
from modelmill.datasets.intake.shards import Shard, ShardWriter, shards_values
from modelmill.datasets.intake.splitting import (
    RANKED_ROWS,
    SPLITS,
    split_by_hash,
    splits_by_rank,
)

_REPORT_EVERY_ROWS = 500


class Mill:
    """Writes a crop's rows into ``folder``.

    The first thousand rows are staged: if there are no more, their splits are
    decided by rank, else by hash like those of all that follow.
    """

    def __init__(self, folder: Path, crop: Crop, *, limits: Limits) -> None:
        self._folder = folder
        self._crop = crop
        self._limits = limits
        self._staged: list[Row] = []
        self._stage: ShardWriter | None = self._writer("staged")
        self._splits = {split: self._writer(split) for split in SPLITS}
        self._hashes = {split: hashlib.sha256() for split in SPLITS}
        self.rows: Counter[str] = Counter()
        self.classes: Counter[tuple[str, int]] = Counter()

    def add(self, row: Row) -> None:
        """Take one row."""
        if self._stage is None:
            self._write(row, split_by_hash(row.key))
            return
        self._stage.add(row)
        # The values are on disk; only what decides the split stays in memory.
        self._staged.append(replace(row, values={}, facts=None))
        if len(self._staged) > RANKED_ROWS:
            self._unstage([split_by_hash(staged.key) for staged in self._staged])

    def close(self) -> list[Shard]:
        """Finish; return the shards, train first."""
        if self._stage is not None:
            self._unstage(splits_by_rank([staged.key for staged in self._staged]))
        return [shard for split in SPLITS for shard in self._splits[split].close()]

    def sha256(self) -> str:
        """Return the hash of everything that makes this version what it is."""
        manifest = {
            "kind": self._crop.kind,
            "label_names": self._crop.label_names,
            "splits": {
                split: {"rows": self.rows[split], "sha256": self._hashes[split].hexdigest()}
                for split in SPLITS
            },
        }
        return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()

    def _unstage(self, splits: list[str]) -> None:
        assert self._stage is not None
        stored = self._stage.close()
        self._stage = None
        for staged, split, values in zip(self._staged, splits, shards_values(stored), strict=True):
            self._write(replace(staged, values=values), split)
        for shard in stored:
            shard.path.unlink()
        self._staged = []

    def _write(self, row: Row, split: str) -> None:
        self._splits[split].add(row)
        self._hashes[split].update(row.digest)
        self.rows[split] += 1
        label = row.values.get("label")
        if self._crop.label_names is not None and label is not None:
            self.classes[(split, label)] += 1

    def _writer(self, split: str) -> ShardWriter:
        return ShardWriter(self._folder, split, self._crop, shard_bytes=self._limits.shard_bytes)


def crop_mill(
    crop: Crop,
    *,
    folder: Path,
    limits: Limits,
    findings: Findings,
    on_rows: Callable[[int], None],
) -> dict[str, Any]:
    """Write a crop's shards into ``folder`` and return the result, but for its problems.

    Raises ``Refused`` when no row is left, or when more were lost than kept.
    """
    mill = Mill(folder, crop, limits=limits)
    seen = Seen(folder / "seen.sqlite3")
    met = duplicates = 0
    for met, row in enumerate(crop.rows, start=1):
        if met % _REPORT_EVERY_ROWS == 0:
            on_rows(met)
        if crop.drops_duplicates and _is_known(seen, row, findings):
            duplicates += 1
            continue
        crop.summary.add(row)
        mill.add(row)
    seen.close()
    shards = mill.close()
    rows = sum(mill.rows.values())
    _refuse_too_few(rows, findings)
    return {
        "kind": crop.kind,
        "label_names": crop.label_names,
        "sha256": mill.sha256(),
        "splits": {split: mill.rows[split] for split in SPLITS},
        "rows_seen": met + findings.lost_rows,
        "shards": [shard.as_json() for shard in shards],
        "preview": crop.summary.preview(),
        "statistics": {
            **crop.summary.statistics(),
            **_classes(mill, crop.label_names),
            **({"further_columns": list(crop.further_columns)} if crop.further_columns else {}),
            "duplicates": duplicates,
            "problems_by_reason": dict(sorted(findings.by_reason.items())),
        },
    }


def _is_known(seen: Seen, row: Row, findings: Findings) -> bool:
    label = row.values.get("label", 0)
    first_label = seen.add(row.key, label)
    if first_label is None:
        return False
    if first_label != label:
        findings.add(Reason.TWO_LABELS, file=row.file, row=row.number, field="label")
    return True


def _refuse_too_few(rows: int, findings: Findings) -> None:
    if rows == 0 and findings.problems:
        raise Refused(Refusal.ALL_BAD, reason=findings.problems[0].reason)
    if rows == 0:
        raise Refused(Refusal.EMPTY)
    if findings.lost_rows > rows:
        raise Refused(Refusal.TOO_MANY_PROBLEMS, bad=findings.lost_rows, good=rows)


def _classes(mill: Mill, label_names: list[str] | None) -> dict[str, Any]:
    if label_names is None:
        return {}
    return {
        "classes": [
            {"label": name, **{split: mill.classes[(split, number)] for split in SPLITS}}
            for number, name in enumerate(label_names)
        ]
    }
