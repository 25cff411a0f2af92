"""What a customer may set, and what may be asked of a model."""

from typing import Literal

from modelmill_sdk import Params
from modelmill_sdk.fields import ZERO_CHOOSES
from pydantic import Field, JsonValue

MIN_IMAGES = 50
MAX_IMAGE_CHARS = 2_000_000
# JSON Schema's words for a text that is a file: pages offer to choose one.
PICTURE: dict[str, JsonValue] = {"contentEncoding": "base64", "contentMediaType": "image/*"}


class TrainParams(Params):
    """How a model of pictures is trained; every default suits a few hundred pictures."""

    resolution: Literal[32, 64, 128] = Field(
        64, description="Side of the pictures, in pixels. Half the side trains four times faster."
    )
    channels: Literal["auto", "grey", "colour"] = Field(
        "auto", description="Grey or colour pictures; auto looks at the dataset."
    )
    steps: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Most training steps; 0 is 3,000 on a CPU and 20,000 on a GPU.",
        json_schema_extra=ZERO_CHOOSES,
    )
    size: Literal["auto", "small", "medium", "large"] = Field(
        "auto", description="Size of the networks; auto is small on a CPU, large on a GPU."
    )
    latent_size: int = Field(
        64, ge=2, le=512, description="Numbers that describe a picture: the length of embeddings."
    )
    batch_size: int = Field(32, ge=1, le=512, description="Pictures looked at in each step.")
    learning_rate: float = Field(
        0.004, gt=0, le=0.05, description="How far each step moves the weights."
    )
    kl_weight: float = Field(
        8.0,
        ge=0,
        le=1_000,
        description="How much order the embeddings keep: more blends better and rebuilds worse; "
        "1 is the likelihood's own.",
    )
    patience: int = Field(
        8,
        ge=0,
        le=1_000,
        description="Stop after so many measurements in a row without progress; 0 never does.",
    )
    mirror: bool = Field(True, description="Show each picture mirrored half of the time.")
    samples: int = Field(
        8, ge=0, le=100, description="How often to show rebuilt pictures while training."
    )
    precision: Literal["auto", "float32", "bfloat16", "probe"] = Field(
        "auto",
        description="Arithmetic. auto measures on a GPU which is faster and is float32 on a CPU; "
        "probe measures on a CPU, too, and then a seed may give other weights elsewhere.",
    )
    export_onnx: bool = Field(
        False,
        title="ONNX files",
        description="Also leave the encoder and the decoder as ONNX files, checked against the "
        "original.",
    )


class Input(Params):
    """One question to a model."""

    mode: Literal["sample", "reconstruct", "interpolate", "embed"] = Field(
        "sample",
        description="sample draws a new picture, reconstruct rebuilds one, interpolate draws one "
        "between two, embed gives the numbers that describe one.",
    )
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="Which picture to draw, where none is given."
    )
    image: str | None = Field(
        None,
        max_length=MAX_IMAGE_CHARS,
        description="A PNG, JPEG or WebP picture in base64, or as a data URL.",
        json_schema_extra=PICTURE,
    )
    seed_to: int | None = Field(
        None, ge=0, lt=2**63, description="interpolate: which picture to end with."
    )
    image_to: str | None = Field(
        None,
        max_length=MAX_IMAGE_CHARS,
        description="interpolate: a picture to end with.",
        json_schema_extra=PICTURE,
    )
    mix: float = Field(
        0.5, ge=0, le=1, description="interpolate: 0 is the first picture, 1 the second."
    )


class PredictParams(Params):
    """How pictures are drawn."""

    truncation: float = Field(
        0.8, ge=0, le=1.5, description="sample: 0 draws the average, 1 all the variety there is."
    )
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="Seed of a request whose inputs bring none."
    )
