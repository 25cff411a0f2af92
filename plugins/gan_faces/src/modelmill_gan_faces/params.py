"""What a customer may set: the form, the API's schema and the validation of Faces."""

from typing import Literal

from modelmill_sdk import Params
from modelmill_sdk.fields import ZERO_CHOOSES
from pydantic import Field

MIN_IMAGES = 100
MAX_FRAMES = 16


class TrainParams(Params):
    """How a Faces model is trained; every default suits a few hundred pictures."""

    resolution: Literal[32, 64, 128, 256] = Field(
        64,
        description="Side of the pictures, in pixels. Half the side trains four times faster; "
        "256 needs a GPU or a night.",
    )
    channels: Literal["auto", "grey", "colour"] = Field(
        "auto", description="Grey or colour pictures; auto looks at the dataset."
    )
    labels: Literal["auto", "off"] = Field(
        "auto",
        description="Learn what each label looks like, so that one can be asked for. auto does so "
        "where the dataset has labels.",
    )
    steps: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Training steps; 0 is 4,000 on a CPU and 20,000 on a GPU.",
        json_schema_extra=ZERO_CHOOSES,
    )
    size: Literal["auto", "small", "medium", "large"] = Field(
        "auto", description="Size of the networks; auto is small on a CPU, large on a GPU."
    )
    batch_size: int = Field(
        0,
        ge=0,
        le=256,
        multiple_of=8,
        description="Pictures looked at in each step; 0 is 16 on a CPU and 64 on a GPU.",
        json_schema_extra=ZERO_CHOOSES,
    )
    learning_rate: float = Field(
        0.0015,
        gt=0,
        le=0.01,
        description="How far each step moves the weights; from 0.004 on trainings break down.",
    )
    gradient_penalty: float = Field(
        1.0,
        ge=0,
        le=100,
        description="Weight of the gradient penalties; more is steadier and softer.",
    )
    augment: bool = Field(
        True, description="Vary colour, place and holes while learning; best below 10,000 pictures."
    )
    mirror: bool = Field(True, description="Show each picture mirrored half of the time.")
    samples: int = Field(
        12, ge=0, le=100, description="How often to draw sample pictures while training."
    )
    precision: Literal["auto", "float32", "bfloat16", "probe"] = Field(
        "auto",
        description="Arithmetic. auto measures on a GPU which is faster and is float32 on a CPU; "
        "probe measures on a CPU, too, and then a seed may give other weights elsewhere.",
    )
    export_onnx: bool = Field(
        False,
        title="ONNX file",
        description="Also leave the generator as an ONNX file, checked against the original.",
    )


class Input(Params):
    """One picture to draw, or the way from one to another."""

    seed: int | None = Field(
        None,
        ge=0,
        lt=2**63,
        description="Which picture to draw; without it, each input of a request has its own.",
    )
    label: str | None = Field(
        None,
        max_length=200,
        description="What to draw, for a model trained with labels: one of their names. Without "
        "it the seed chooses.",
    )
    seed_to: int | None = Field(
        None, ge=0, lt=2**63, description="A second picture, to draw one between the two."
    )
    mix: float = Field(
        0.5,
        ge=0,
        le=1,
        description="How far from seed to seed_to: 0 is the first, 1 the second.",
    )
    frames: int = Field(
        1,
        ge=1,
        le=MAX_FRAMES,
        description="With seed_to, from 2 on: the whole way in so many pictures, laid out in one.",
    )


class PredictParams(Params):
    """How pictures are drawn."""

    truncation: float = Field(
        0.8,
        ge=0,
        le=1.5,
        description="Variety: 0 draws the average face, 1 as much variety as was learnt.",
    )
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="Seed of a request whose inputs bring none."
    )
