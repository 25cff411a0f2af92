"""What a plugin says, gathered until the next report to the database."""

import os
import time
from pathlib import Path
from typing import Any

from modelmill.core.models import Blob
from modelmill.core.storage import blob_release, blob_write
from modelmill.training.curves import SERIES_MAX
from modelmill.training.models import JobEvent
from modelmill.training.pace import Pace
from modelmill.training.sayings import Said
from modelmill.training.services import EventDraft, News, draft_of
from modelmill_sdk.protocol import Log, Progress, Sample

from workers.hosts.opening import file_open
from workers.hosts.spec import MIB

# A curve gets a point each 1/5000 of the time so far: a short training is shown in
# full, and one of ten hours has less than twenty thousand points.
_POINTS = 5_000
_POINT_EVERY_S = 0.2
_MAX_EVENTS = 2_000
_MAX_IMAGE_BYTES = 20 << 20
# Of one attempt; the points of the curves are bounded by their own rule.
_MOST_IMAGE_BYTES = 2 << 30
_MOST = {JobEvent.Kind.MESSAGE: 20_000, JobEvent.Kind.SAMPLE: 2_000}
_PNG = b"\x89PNG\r\n\x1a\n"
_LEVELS = {"warning": "warn", "error": "error"}


class Notebook:
    """Keeps the newest progress, and the events that are not stored yet."""

    def __init__(self, *, step: int = 0, total_steps: int = 0) -> None:
        """Begin where the job stands."""
        self.step = step
        self.total_steps = total_steps
        self.metrics: dict[str, float | None] = {}
        self._events: list[EventDraft] = []
        self._blobs: dict[str, Blob] = {}
        self._began_at = time.monotonic()
        self._point_at = float("-inf")
        self._point_step = -1
        self._room = dict(_MOST)
        self._image_bytes = 0
        self._has_news = False
        self._peak_memory_mib = self._peak_gpu_memory_mib = 0
        self._has_progress = self._is_told = False
        # The first step that was told, and when: a pace is counted from there.
        self._paced_from: tuple[int, float] | None = None
        self._trains_from: float | None = None
        self.pace = Pace()

    @property
    def has_news(self) -> bool:
        """Whether anything is not stored yet."""
        return self._has_news

    @property
    def is_first(self) -> bool:
        """Whether the first progress is not stored yet: somebody waits to see it begin."""
        return self._has_progress and not self._is_told

    def begin_at(self, step: int) -> None:
        """Take the attempt to stand at ``step``: what the one before did after it is done again."""
        self.step, self._has_news = step, True
        self._trains_from = time.monotonic()

    def progress(self, message: Progress) -> None:
        """Note a report; now and then one becomes a point of the curves, and the last does."""
        self.step, self.total_steps = message.step, message.total
        for name, value in message.metrics.items():
            if name in self.metrics or len(self.metrics) < SERIES_MAX:
                self.metrics[name] = value
        self._has_news = self._has_progress = True
        now = time.monotonic()
        self._time(message.step, now)
        every_s = max(_POINT_EVERY_S, (now - self._began_at) / _POINTS)
        is_due = now - self._point_at >= every_s
        if message.metrics and (is_due or message.step == message.total):
            self.point()

    def measured(self, *, memory_bytes: int = 0, gpu_memory_bytes: int = 0) -> None:
        """Note what the plugin's process had of memory at most; told with the next heartbeat."""
        self._peak_memory_mib = max(self._peak_memory_mib, -(-memory_bytes // MIB))
        self._peak_gpu_memory_mib = max(self._peak_gpu_memory_mib, -(-gpu_memory_bytes // MIB))

    def point(self) -> None:
        """Add the newest metrics to the curves, once a step."""
        if not self.metrics or self._point_step == self.step:
            return
        self._point_at, self._point_step = time.monotonic(), self.step
        self._add(EventDraft(kind=JobEvent.Kind.METRICS, step=self.step, values=dict(self.metrics)))

    def say(self, said: Said | str, *, level: str = "info", **values: Any) -> None:
        """Note a line: a code of the platform's own, or a plugin's words."""
        self._add(draft_of(said, values, level=level, step=self.step))

    def log(self, message: Log) -> None:
        """Note a line of the plugin's; its debug lines are the operator's, not the customer's."""
        if message.level != "debug" and self._has_room(JobEvent.Kind.MESSAGE):
            self.say(message.message, level=_LEVELS.get(message.level, "info"))

    def sample(self, message: Sample) -> None:
        """Store a picture or a text the plugin shows; one that is no PNG is left out, aloud."""
        values = {"name": message.name, "kind": message.kind}
        kind = JobEvent.Kind.SAMPLE
        if self._image_bytes > _MOST_IMAGE_BYTES or not self._has_room(kind):
            return
        if message.kind == "text" or message.path is None:
            text = message.text or ""
            self._add(EventDraft(kind=kind, step=message.step, values=values, message=text))
            return
        blob = _image_store(message.path)
        if blob is None:
            self.say(Said.SAMPLE_LEFT_OUT, level="warn")
            return
        draft = EventDraft(kind=kind, step=message.step, values=values, blob=blob)
        self._blobs[draft.id] = blob
        self._image_bytes += blob.size_bytes
        self._add(draft)

    def news(self) -> News:
        """Return what is to be stored now; the same again until ``settle``."""
        return News(
            step=self.step,
            total_steps=self.total_steps,
            metrics=self.metrics,
            events=tuple(self._events),
            peak_memory_mib=self._peak_memory_mib,
            peak_gpu_memory_mib=self._peak_gpu_memory_mib,
            pace=self.pace,
        )

    def settle(self, news: News) -> None:
        """Take news as stored."""
        for draft in news.events:
            self._blobs.pop(draft.id, None)
        self._events = self._events[len(news.events) :]
        self._is_told = self._has_progress
        self._has_news = bool(self._events) or news.step != self.step

    def discard(self) -> None:
        """Give back the bytes of samples that will never be stored."""
        for blob in self._blobs.values():
            blob_release(blob)
        self._blobs.clear()
        self._events.clear()

    def _time(self, step: int, now: float) -> None:
        if self._paced_from is None or step <= self._paced_from[0]:
            self._paced_from = (step, now)
        first, at = self._paced_from
        begin_s = 0 if self._trains_from is None else at - self._trains_from
        self.pace = Pace(
            steps=step - first,
            elapsed_ms=round((now - at) * 1000),
            begin_ms=round(begin_s * 1000),
        )

    def _has_room(self, kind: JobEvent.Kind) -> bool:
        """Take the room of one more event from an attempt that may not fill the database."""
        self._room[kind] -= 1
        if self._room[kind] == -1:
            self.say(Said.TOO_TALKATIVE, level="warn")
        return self._room[kind] >= 0

    def _add(self, draft: EventDraft) -> None:
        self._has_news = True
        # While the database is away a talkative plugin must not fill our memory.
        if len(self._events) < _MAX_EVENTS:
            self._events.append(draft)


def _image_store(path: Path) -> Blob | None:
    try:
        stream = file_open(path)
    except OSError:
        return None
    with stream:
        head = stream.read(len(_PNG))
        if head != _PNG or os.fstat(stream.fileno()).st_size > _MAX_IMAGE_BYTES:
            return None
        stream.seek(0)
        return blob_write(stream, media_type="image/png")
