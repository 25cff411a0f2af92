"""A source is opened: what form it has, and which crop its content makes."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TypedDict

from modelmill.datasets.intake.archives import (
    BROKEN,
    Archive,
    Budget,
    entry_read,
    stream_spool,
)
from modelmill.datasets.intake.findings import Findings, Reason, shown
from modelmill.datasets.intake.images import Picture, image_crop
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.records import Sheet
from modelmill.datasets.intake.refusals import Refusal, Refused
from modelmill.datasets.intake.rows import Crop
from modelmill.datasets.intake.sniffing import (
    ARCHIVES,
    COMPRESSED,
    TABLES,
    Form,
    form_by_name,
    form_of,
    is_clutter,
)
from modelmill.datasets.intake.tables import table_crop
from modelmill.datasets.intake.tars import TarArchive, is_compressed_tar, unpacked_open
from modelmill.datasets.intake.texts import Document, text_crop
from modelmill.datasets.intake.zips import ZipArchive

_SPLIT_FOLDERS = frozenset(
    {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}
)


class _Bounds(TypedDict):
    limits: Limits
    findings: Findings


class Source:
    """One uploaded file. ``scratch`` takes what has to be unpacked to be read."""

    def __init__(
        self, path: Path, *, name: str, scratch: Path, limits: Limits, findings: Findings
    ) -> None:
        self._path = path
        self._name = name
        self._scratch = scratch
        self._limits = limits
        self._findings = findings
        self._budget = Budget(limits.unpacked_max_bytes(path.stat().st_size))

    def crop(self) -> Crop:
        """Return what the source holds; raises ``Refused`` when it is nothing we can read."""
        form = form_of(self._path, name=self._name)
        if form is Form.ZIP:
            return self._archive_crop(ZipArchive(self._path, limits=self._limits))
        if form is Form.TAR or (form in COMPRESSED and is_compressed_tar(self._path, form)):
            return self._archive_crop(TarArchive(self._path, form, limits=self._limits))
        if form in COMPRESSED:
            name = self._name.rpartition(".")[0] or self._name
            path = self._unpacked(form)
            form = form_of(path, name=name)
            if form in ARCHIVES:
                raise Refused(Refusal.NESTED)
            return self._file_crop(path, form, name)
        return self._file_crop(self._path, form, self._name)

    def _file_crop(self, path: Path, form: Form, name: str) -> Crop:
        bounds = _Bounds(limits=self._limits, findings=self._findings)
        if form in TABLES:
            return table_crop([Sheet(name, path, form)], **bounds)
        if form is Form.IMAGE:
            content = path.read_bytes() if path.stat().st_size <= self._limits.image_bytes else b""
            return image_crop([Picture(name, content)], label_names=None, **bounds)
        return text_crop([Document(name, path)], **bounds)

    def _archive_crop(self, archive: Archive) -> Crop:
        forms, folders = _survey(archive, self._limits)
        form = max(forms, key=lambda form: (forms[form], form is Form.IMAGE), default=None)
        if form is None:
            raise Refused(Refusal.NOTHING_KNOWN)
        bounds = _Bounds(limits=self._limits, findings=self._findings)
        if form is Form.IMAGE:
            labels = _labels(folders)
            pictures = self._pictures(archive, labelled=labels is not None)
            return image_crop(pictures, label_names=labels, **bounds)
        files = self._spooled(archive, form)
        if form is Form.TEXT:
            return text_crop([Document(name, path) for name, path in files], **bounds)
        return table_crop([Sheet(name, path, form) for name, path in files], **bounds)

    def _pictures(self, archive: Archive, *, labelled: bool) -> Iterator[Picture]:
        for entry in archive.entries(self._wanted(Form.IMAGE), self._findings):
            try:
                content = entry_read(entry, max_bytes=self._limits.image_bytes, budget=self._budget)
            except BROKEN:
                self._findings.add(Reason.UNPACKING, file=entry.name)
                continue
            if content is None:
                self._findings.add(Reason.IMAGE_BYTES, file=entry.name)
                continue
            yield Picture(entry.name, content, _folder(entry.name) if labelled else None)

    def _spooled(self, archive: Archive, form: Form) -> list[tuple[str, Path]]:
        files = []
        for number, entry in enumerate(archive.entries(self._wanted(form), self._findings)):
            path = self._scratch / f"entry-{number:06d}"
            try:
                stream_spool(entry.stream, path, budget=self._budget)
            except BROKEN:
                self._findings.add(Reason.UNPACKING, file=entry.name)
                continue
            files.append((entry.name, path))
        return files

    def _wanted(self, form: Form) -> "_Wanted":
        return _Wanted(form, self._findings)

    def _unpacked(self, form: Form) -> Path:
        try:
            with unpacked_open(self._path, form) as stream:
                return stream_spool(stream, self._scratch / "unpacked", budget=self._budget)
        except BROKEN:
            raise Refused(Refusal.BROKEN_ARCHIVE) from None


class _Wanted:
    """Chooses the entries of one form and notes the ones that somebody may miss."""

    def __init__(self, form: Form, findings: Findings) -> None:
        self._form = form
        self._findings = findings

    def __call__(self, name: str) -> bool:
        if is_clutter(name):
            return False
        form = form_by_name(name)
        if form is self._form:
            return True
        # A read-me beside the pictures is no mistake; pictures beside texts may be one.
        if form in ARCHIVES:
            self._findings.add(Reason.NESTED, file=name)
        elif form is not None and form is not Form.TEXT:
            self._findings.add(Reason.OTHER_FORM, file=name)
        elif form is None and PurePosixPath(name).suffix:
            # Without an ending it is a licence or the like, that nobody takes for data.
            self._findings.add(Reason.UNKNOWN_FORM, file=name)
        return False


def _survey(archive: Archive, limits: Limits) -> tuple[Counter[Form], set[str]]:
    """Count the forms that names promise; gather the folders that hold pictures."""
    forms: Counter[Form] = Counter()
    folders: set[str] = set()
    for name in archive.names():
        form = form_by_name(name)
        if form is None or form in ARCHIVES or is_clutter(name):
            continue
        forms[form] += 1
        if form is Form.IMAGE and len(folders) <= limits.labels:
            folders.add(_folder(name))
    if len(folders) > limits.labels:
        folders.clear()
    return forms, folders


def _labels(folders: set[str]) -> list[str] | None:
    """Return the label names, if the pictures' folders are labels."""
    if (
        len(folders) < 2
        or "" in folders
        or {folder.lower() for folder in folders} <= _SPLIT_FOLDERS
    ):
        return None
    return sorted(folders)


def _folder(name: str) -> str:
    return shown(name.rpartition("/")[0].rpartition("/")[2])
