"""The messages between the platform and a plugin's process, as they travel.

A newer side may add fields and an older one ignores them; a change of meaning raises ``PROTOCOL``,
and the platform refuses a child that speaks another number. The prose is docs/plugin-protocol.md.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from modelmill_sdk.errors import ProtocolError
from modelmill_sdk.manifest import MAX_DEVICES, Broken, Manifest
from modelmill_sdk.origins import Named, Origin
from modelmill_sdk.storable import finite_check, keys_check, storable_check

PROTOCOL = 2
MAX_LOG_CHARS = 10_000
MAX_TRACEBACK_CHARS = 20_000
MAX_SAMPLE_CHARS = 20_000
# Linux allows no longer path.
MAX_PATH_CHARS = 4_096
_MAX_COMPLAINT_CHARS = 1_000

_M = TypeVar("_M")

StopReason = Literal["cancel", "pause", "finish"]
# What every child has understood from the first; a newer one says more in its Ready.
FIRST_STOPS: tuple[StopReason, ...] = ("cancel", "pause")
RequestId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Step = Annotated[int, Field(ge=0, le=2**53)]
Quantity = Annotated[int, Field(ge=0, le=2**53)]
Index = Annotated[int, Field(ge=0, lt=1_000_000)]
Devices = Annotated[int, Field(ge=1, le=MAX_DEVICES)]
Name = Annotated[str, Field(max_length=100)]
Version = Annotated[str, Field(max_length=200)]
# Bounded, and given up at the first that is wrong: a frame full of wrong ones, each with a dozen
# complaints, would cost the reader minutes and gigabytes.
_FEW = Field(max_length=1_000, fail_fast=True)
# Counted before any is looked at; a bound on the field would be counted afterwards.
_FEW_KEYS = BeforeValidator(keys_check)
Metrics = Annotated[dict[Name, Annotated[float, Field(allow_inf_nan=False)] | None], _FEW_KEYS]


class Message(BaseModel):
    """What every message is: immutable, told apart by ``type``."""

    model_config = ConfigDict(
        # What is wrong is told without showing it: its text may be as long as the frame.
        extra="ignore",
        frozen=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
    )

    type: str


# --- parent to child


class PluginWork(Message):
    """Work for one plugin.

    With ``entry_point`` and ``distribution`` the child imports no other; with ``digest`` it refuses
    files that are not those the platform described.
    """

    plugin_id: str
    entry_point: str = ""
    distribution: str = ""
    digest: str = ""


class TrainStart(PluginWork):
    """Train a model; the answer ends with TrainDone or Failed.

    ``devices`` is how many of them it may use at once, each by a process of its own.
    """

    type: Literal["train_start"] = "train_start"
    params: dict[str, Any] = {}
    seed: int = 0
    device: str = "cpu"
    devices: Devices = 1
    threads: int = Field(default=1, ge=1)
    data_dir: Path
    workdir: Path
    model_dir: Path
    resume_dir: Path | None = None
    checkpoint_every_s: float = Field(default=60.0, ge=0)
    checkpoint_dir: Path


class Stop(Message):
    """Stop training: at the next step (cancel), or right after a last checkpoint (pause).

    ``finish`` asks for a model of what was learnt so far: the plugin ends its loop as if the last
    step were done. Send it only to a child whose Ready names it; before TrainStart it holds for
    that training, from its beginning.
    """

    type: Literal["stop"] = "stop"
    reason: StopReason = "cancel"


class ModelLoad(PluginWork):
    """Load a model for the predictions that follow; the answer is Loaded or Failed."""

    type: Literal["model_load"] = "model_load"
    model_dir: Path
    device: str = "cpu"
    threads: int = Field(default=1, ge=1)


class PredictStart(Message):
    """Use the loaded model; Results in order, then PredictDone, or Failed."""

    type: Literal["predict_start"] = "predict_start"
    request_id: RequestId
    inputs: list[dict[str, Any]]
    params: dict[str, Any] = {}
    seed: int | None = None
    out_dir: Path


class PredictAbort(Message):
    """Give up a prediction; it ends with Failed, code "cancelled"."""

    type: Literal["predict_abort"] = "predict_abort"
    request_id: RequestId


class ValidateStart(PluginWork):
    """Look for problems in a dataset; ProblemFound for each, then ValidateDone."""

    type: Literal["validate_start"] = "validate_start"
    params: dict[str, Any] = {}
    data_dir: Path


class Discover(Message):
    """Name every installed entry point; none is imported."""

    type: Literal["discover"] = "discover"


class Describe(Message):
    """Describe the plugins of one entry point, by its name and its distribution's.

    Sample pictures are copied into ``out_dir``, where the manifests point at them.
    """

    type: Literal["describe"] = "describe"
    entry_point: str
    distribution: str
    out_dir: Path | None = None


# --- child to parent


class Ready(Message):
    """The child is up and waits for its first message; ``stops`` are the reasons it knows."""

    type: Literal["ready"] = "ready"
    protocol: int
    pid: int
    stops: Annotated[tuple[Name, ...], Field(max_length=20)] = FIRST_STOPS


class Started(Message):
    """The plugin's ``train`` is about to be called: parameters and data are sound.

    ``environment`` has the versions it trains with, by package name; ``devices`` is how many it
    uses of those it may.
    """

    type: Literal["started"] = "started"
    devices: Devices = 1
    environment: Annotated[dict[Name, Version], _FEW_KEYS] = {}


class Progress(Message):
    """Where the training is. A metric that is not a finite number comes as None.

    ``gpu_peak_bytes`` is the most of a GPU's memory it had so far; None where it has used none.
    """

    type: Literal["progress"] = "progress"
    step: Step
    total: Step
    metrics: Metrics = {}
    gpu_peak_bytes: Quantity | None = None


class Sample(Message):
    """A picture (a PNG at ``path``) or a text made during training."""

    type: Literal["sample"] = "sample"
    step: Step
    name: Name
    kind: Literal["image", "text"]
    path: Path | None = None
    text: str | None = Field(default=None, max_length=MAX_SAMPLE_CHARS)


class CheckpointSaved(Message):
    """A complete checkpoint lies at ``path``, safe on disk."""

    type: Literal["checkpoint_saved"] = "checkpoint_saved"
    step: Step
    path: Path


class Count(Message):
    """Some use of a declared meter by a prediction; a training is metered by its time alone."""

    type: Literal["count"] = "count"
    meter: str = Field(max_length=64)
    qty: Quantity
    request_id: str | None = None


class Log(Message):
    """One line for the job's events."""

    type: Literal["log"] = "log"
    level: Literal["debug", "info", "warning", "error"] = "info"
    message: str = Field(max_length=MAX_LOG_CHARS)


class TrainDone(Message):
    """Training ended well at ``step``, or stopped as asked (``stopped_reason``)."""

    type: Literal["train_done"] = "train_done"
    metrics: Metrics = {}
    step: Step = 0
    stopped_reason: StopReason | None = None
    gpu_peak_bytes: Quantity | None = None


class Loaded(Message):
    """The model is ready for predictions."""

    type: Literal["loaded"] = "loaded"
    load_ms: int = Field(ge=0)


class Chunk(Message):
    """A piece of the text of input number ``index``, as it is made."""

    type: Literal["chunk"] = "chunk"
    request_id: RequestId
    index: Index
    text: str


class Result(Message):
    """The whole result of input number ``index``: a text, a JSON value, or a file at ``path``."""

    type: Literal["result"] = "result"
    request_id: RequestId
    index: Index
    kind: Literal["text", "image", "json", "file"]
    text: str | None = None
    path: Path | None = None
    value: Annotated[Any, AfterValidator(finite_check)] = None
    finish_reason: str = Field(default="stop", max_length=40)


class PredictDone(Message):
    """Every input of a request has its result; ``counts`` sums its meters."""

    type: Literal["predict_done"] = "predict_done"
    request_id: RequestId
    compute_ms: int = Field(ge=0)
    counts: Annotated[dict[Name, Quantity], _FEW_KEYS] = {}


class ProblemFound(Message):
    """One thing wrong with the dataset."""

    type: Literal["problem_found"] = "problem_found"
    file: str | None = Field(default=None, max_length=MAX_PATH_CHARS)
    row: int | None = None
    field: str | None = Field(default=None, max_length=MAX_PATH_CHARS)
    reason: str = Field(max_length=MAX_LOG_CHARS)
    fix: str = Field(default="", max_length=MAX_LOG_CHARS)


class ValidateDone(Message):
    """The whole dataset was looked at, or enough problems were found."""

    type: Literal["validate_done"] = "validate_done"


class Discovered(Message):
    """Every entry point there is, and every distribution whose own could not be read."""

    type: Literal["discovered"] = "discovered"
    entry_points: Annotated[list[Named], _FEW] = []
    broken: Annotated[list[Broken], _FEW] = []


class Describing(Message):
    """The entry point is about to be imported; its origin is told before any of its code runs."""

    type: Literal["describing"] = "describing"
    origin: Origin


class Manifests(Message):
    """The plugins of an entry point that could be described, and why others could not."""

    type: Literal["manifests"] = "manifests"
    items: Annotated[list[Manifest], _FEW] = []
    broken: Annotated[list[Broken], _FEW] = []


class Failed(Message):
    """The request, or the training or loading when ``request_id`` is None, ended in an error."""

    type: Literal["failed"] = "failed"
    request_id: str | None = None
    code: str = Field(max_length=60)
    message: str = Field(max_length=MAX_LOG_CHARS)
    param: str | None = Field(default=None, max_length=200)
    who: Literal["customer", "author"] = "author"
    traceback: str = Field(default="", max_length=MAX_TRACEBACK_CHARS)
    rule: str | None = Field(default=None, max_length=60)


ToChild = Annotated[
    TrainStart
    | Stop
    | ModelLoad
    | PredictStart
    | PredictAbort
    | ValidateStart
    | Discover
    | Describe,
    Field(discriminator="type"),
]
FromChild = Annotated[
    Ready
    | Started
    | Progress
    | Sample
    | CheckpointSaved
    | Count
    | Log
    | TrainDone
    | Loaded
    | Chunk
    | Result
    | PredictDone
    | ProblemFound
    | ValidateDone
    | Discovered
    | Describing
    | Manifests
    | Failed,
    Field(discriminator="type"),
]

_TO_CHILD: TypeAdapter[ToChild] = TypeAdapter(ToChild)
_FROM_CHILD: TypeAdapter[FromChild] = TypeAdapter(FromChild)


def message_encode(message: Message) -> bytes:
    """Give a message's JSON."""
    return message.model_dump_json(exclude_none=True).encode()


def to_child_decode(payload: bytes) -> ToChild:
    """Read a message for the child. Raises ProtocolError if it is none."""
    return _decode(_TO_CHILD, payload)


def from_child_decode(payload: bytes) -> FromChild:
    """Read a message of the child's. Raises ProtocolError if it is none."""
    return _decode(_FROM_CHILD, payload)


def _decode(adapter: TypeAdapter[_M], payload: bytes) -> _M:
    try:
        storable_check(payload)
        return adapter.validate_json(payload)
    except (ValidationError, ValueError, RecursionError) as error:
        said = str(error)[:_MAX_COMPLAINT_CHARS]
        raise ProtocolError(f"Not a message of protocol {PROTOCOL}: {said}") from error
