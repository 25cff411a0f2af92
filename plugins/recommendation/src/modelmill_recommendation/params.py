"""What a customer may set: the form, the API's schema and the validation of recommendations."""

from typing import Annotated, Literal

from modelmill_sdk import Params
from modelmill_sdk.fields import ZERO_CHOOSES
from pydantic import Field

Name = Annotated[str, Field(min_length=1, max_length=1_000)]

SASREC, ITEM_KNN, POPULARITY = "sasrec", "item-knn", "popularity"
METHODS = (SASREC, ITEM_KNN, POPULARITY)


class TrainParams(Params):
    """How a model is trained; every default suits a first try."""

    served: Literal["auto", "sasrec", "item-knn", "popularity"] = Field(
        "auto",
        description="Which of the three models answers; auto is the best on held-out users.",
    )
    history: int = Field(
        50, ge=5, le=500, description="How many of somebody's newest items the network looks at."
    )
    min_rating: float | None = Field(
        None,
        ge=-1_000_000,
        le=1_000_000,
        description="Learn only from rows rated at least this; without it, from every row.",
    )
    keep_histories: bool = Field(
        True,
        description=(
            "Keep each user's items in the model, so that a user's name is enough to ask. Without, "
            "every question has to bring the items."
        ),
    )
    steps: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Training steps at most; 0 is 40 readings of the data, at least 300 steps.",
        json_schema_extra=ZERO_CHOOSES,
    )
    size: Literal["auto", "small", "medium", "large"] = Field(
        "auto", description="Size of the network; auto is small on a CPU, medium on a GPU."
    )
    batch_size: int = Field(
        0,
        ge=0,
        le=4_096,
        description="Histories looked at in each step; 0 is 64 on a CPU and 256 on a GPU.",
        json_schema_extra=ZERO_CHOOSES,
    )
    learning_rate: float = Field(
        0.004, gt=0, le=0.1, description="How far each step moves the weights."
    )
    dropout: float = Field(
        0.3,
        ge=0,
        le=0.9,
        description="Share of signals left out while learning; more for less data.",
    )
    patience: int = Field(
        6,
        ge=0,
        le=1_000,
        description=(
            "Stop after so many measurements in a row without a better one; 0 goes to the end."
        ),
    )
    precision: Literal["auto", "float32", "bfloat16", "probe"] = Field(
        "auto",
        description="Arithmetic. auto measures on a GPU which is faster and is float32 on a CPU; "
        "probe measures on a CPU, too, and then a seed may give other weights elsewhere.",
    )
    export_onnx: bool = Field(
        False, description="Also leave the network as an ONNX file, if it is the one that answers."
    )


class Input(Params):
    """Somebody to recommend to: by name, by what they met, or both."""

    user: str | None = Field(
        None, max_length=1_000, description="A user of the training data, or any other name."
    )
    items: list[Name] = Field(
        default_factory=list,
        max_length=1_000,
        description="What the user met, oldest first; newer than what the training data has.",
    )


class PredictParams(Params):
    """What may be recommended, and how much of it."""

    k: int = Field(10, ge=1, le=100, description="How many items to recommend.")
    seen: Literal["auto", "exclude", "include"] = Field(
        "auto",
        description=(
            "Whether to recommend what the user met already; auto does it where the training data "
            "shows that people come back."
        ),
    )
    allow: list[Name] = Field(
        default_factory=list,
        max_length=10_000,
        description="Recommend only these items; without any, all.",
    )
    deny: list[Name] = Field(
        default_factory=list, max_length=10_000, description="Never recommend these items."
    )
    explain: bool = Field(
        True, description="Name the items of the history that each recommendation comes from."
    )
