"""What a customer may set: the form, the API's schema and the validation of Faces."""

from typing import Literal

from modelmill_sdk import Params
from pydantic import Field

MIN_IMAGES = 100


class TrainParams(Params):
    """How a Faces model is trained; every default suits a few hundred pictures."""

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
        description="Training steps; 0 is 4,000 on a CPU and 20,000 on a GPU.",
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
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Arithmetic; auto is bfloat16 on a GPU that has it, else float32."
    )


class Input(Params):
    """One picture to draw."""

    seed: int | None = Field(
        None,
        ge=0,
        lt=2**63,
        description="Which picture to draw; without it, each input of a request has its own.",
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
