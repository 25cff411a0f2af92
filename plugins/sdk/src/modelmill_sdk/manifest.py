"""The manifest: everything the platform knows of a plugin without importing it."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from modelmill_sdk.texts import text_clean

IMAGES = "images"
LABELLED_IMAGES = "labelled_images"
TEXT = "text"
LABELLED_TEXT = "labelled_text"
CONVERSATIONS = "conversations"
INTERACTIONS = "interactions"
TABLE = "table"

DATASET_KINDS = (
    IMAGES,
    LABELLED_IMAGES,
    TEXT,
    LABELLED_TEXT,
    CONVERSATIONS,
    INTERACTIONS,
    TABLE,
)

# Counted by the platform itself; a plugin that declared one of them could bill its own time.
HOST_METERS = frozenset({"cpu_ms", "gpu_ms", "requests", "api_requests", "byte_hours"})

MAX_CARD_CHARS = 20_000
MAX_SAMPLES = 8
MAX_SAMPLE_CHARS = 4_000
MAX_SAMPLE_BYTES = 2 * 1024 * 1024
MAX_LANGUAGES = 20
MAX_DEVICES = 64
MAX_TEXT_CHARS = 4_000
# Of all languages together: pages read the whole manifest.
MAX_TEXTS_CHARS = 200_000

PLUGIN_ID_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
# A folder's name among the operator's base models; none is the plugin itself.
INSTALLED_PATTERN = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,99})?$"
MAX_INSTALLED = 200
MAX_FOLDER_CHARS = 255
MAX_REASON_CHARS = 500
_MAX_BROKEN_NAME_CHARS = 120
_Offered = Annotated[
    tuple[Annotated[str, Field(max_length=255)], ...], Field(max_length=MAX_INSTALLED)
]
MAX_METRICS = 200
_MetricTitle = Annotated[str, Field(min_length=1, max_length=120)]
METER_PATTERN = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
# As Django and browsers name them, in small letters: "de", "zh-hans".
LANGUAGE_PATTERN = r"^[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}$"


class ManifestNeeds(BaseModel):
    """What the plugin needs of the machine, and of the data's training part."""

    gpu_memory_mib: int = Field(default=0, ge=0)
    train_rows: int = Field(default=0, ge=0)
    devices: int = Field(default=1, ge=1, le=MAX_DEVICES)


class ManifestSample(BaseModel):
    """Something the plugin made, for customers to see before they train.

    A picture travels at ``path``; the platform keeps it under its ``sha256``.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(max_length=120)
    kind: Literal["image", "text"]
    text: str = Field(default="", max_length=MAX_SAMPLE_CHARS)
    path: Path | None = None
    sha256: str = Field(default="", max_length=64)
    media_type: str = Field(default="", max_length=40)


class ManifestInstalled(BaseModel):
    """A model that is used without a training of the customer's."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    folder: str = Field(default="", pattern=INSTALLED_PATTERN)
    title: str = Field(default="", max_length=120)
    description: str = Field(default="", max_length=1_000)


class ManifestLeftOut(BaseModel):
    """A base model that is installed and cannot be used, and why: for the operator."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    folder: str = Field(max_length=MAX_FOLDER_CHARS)
    reason: str = Field(max_length=MAX_REASON_CHARS)


def _texts_bounded(texts: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    pairs = [pair for one in texts.values() for pair in one.items()]
    if sum(map(len, [part for pair in pairs for part in pair])) > MAX_TEXTS_CHARS:
        raise ValueError(f"translations have more than {MAX_TEXTS_CHARS} characters in all")
    return texts


_Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)]
Texts = Annotated[
    dict[Annotated[str, Field(pattern=LANGUAGE_PATTERN)], dict[_Text, _Text]],
    Field(max_length=MAX_LANGUAGES),
    AfterValidator(_texts_bounded),
]


class Manifest(BaseModel):
    """One plugin of one installed release, as plain data."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    protocol: int
    plugin_id: str = Field(pattern=PLUGIN_ID_PATTERN, max_length=64)
    version: str = Field(min_length=1, max_length=60)
    distribution: str
    entry_point: str
    digest: str
    location: str = ""
    is_editable: bool = False
    # Versions whose models it loads, each with all that begin with it; none named: its own major.
    loads: tuple[str, ...] = Field(default=(), max_length=100)
    # The model card, in Markdown.
    card: str = Field(default="", max_length=MAX_CARD_CHARS)
    samples: tuple[ManifestSample, ...] = Field(default=(), max_length=MAX_SAMPLES)
    title: str = Field(min_length=1, max_length=120)
    description: str = ""
    author: str = ""
    licence: str = ""
    task: str = "other"
    accepts: tuple[str, ...] = Field(default=(), max_length=20)
    meters: dict[str, str] = Field(default={}, max_length=100)
    # What its metrics are called; one that is not among them is called by its name.
    metrics: dict[str, _MetricTitle] = Field(default={}, max_length=MAX_METRICS)
    needs: ManifestNeeds = ManifestNeeds()
    trains: bool
    installed: tuple[ManifestInstalled, ...] = Field(default=(), max_length=MAX_INSTALLED)
    left_out: tuple[ManifestLeftOut, ...] = Field(default=(), max_length=MAX_INSTALLED)
    # By training parameter, what is installed for it.
    offered: dict[str, _Offered] = Field(default={}, max_length=20)
    streams: bool
    max_batch: int = Field(default=1, ge=1)
    max_wait_ms: int = Field(default=0, ge=0)
    train_schema: dict[str, Any]
    input_schema: dict[str, Any]
    predict_schema: dict[str, Any]
    # By language: from a sentence of the manifest to its translation. Plain text, like all of it.
    texts: Texts = {}


def _name_cut(name: str) -> str:
    return text_clean(name, max_chars=_MAX_BROKEN_NAME_CHARS)


# Whatever a badly packed distribution is called, it can be told of.
_BrokenName = Annotated[str, AfterValidator(_name_cut)]


class Broken(BaseModel):
    """An entry point that could not be described, with the traceback for the operator."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    entry_point: _BrokenName
    distribution: _BrokenName
    traceback: str
