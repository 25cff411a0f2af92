"""What a customer may set: the form, the API's schema and the validation of tables."""

from typing import Annotated, Literal

from modelmill_sdk import Params
from modelmill_sdk.fields import ZERO_CHOOSES
from pydantic import Field

Name = Annotated[str, Field(min_length=1, max_length=100)]
Cell = bool | int | float | str | None

BOOSTING, NETWORK, AVERAGE = "boosting", "network", "average"


class TrainParams(Params):
    """How a model is trained; only the target is worth naming for a first try."""

    target: str = Field(
        "", max_length=100, description="Column to predict; without a name, the last one."
    )
    task: Literal["auto", "classification", "regression"] = Field(
        "auto",
        description=(
            "Whether the target names one of a few classes or is an amount; auto takes texts, "
            "yes/no and up to 20 different whole numbers for classes."
        ),
    )
    model: Literal["auto", "boosting", "network", "average"] = Field(
        "auto",
        description=(
            "Gradient-boosted trees, a neural network, or the average of both; auto trains both "
            "and takes what is best on held-out rows."
        ),
    )
    leave_out: list[Name] = Field(
        default_factory=list,
        max_length=200,
        description="Columns not to learn from, such as what is only known afterwards.",
    )
    group: str = Field(
        "",
        max_length=100,
        description="A column by whose values the quality is compared, to see whom it fails.",
    )
    folds: int = Field(
        0,
        ge=0,
        le=20,
        description=(
            "Parts of the rows, each held out once while a model learns from the others; all of "
            "these answer together. 0 is 5 for fewer than 2,000 rows, else 1."
        ),
        json_schema_extra=ZERO_CHOOSES,
    )
    rounds: int = Field(
        1_000, ge=10, le=20_000, description="Trees at most; held-out rows decide when to stop."
    )
    tree_learning_rate: float = Field(
        0.05, gt=0, le=1, description="How much each tree adds; less is slower and finer."
    )
    leaves: int = Field(31, ge=2, le=1_024, description="Leaves of a tree at most.")
    network_steps: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Steps of the network at most; 0 is 60 readings of the rows, 300 to 6,000.",
        json_schema_extra=ZERO_CHOOSES,
    )
    learning_rate: float = Field(
        0.003, gt=0, le=0.1, description="How far each step of the network moves the weights."
    )
    dropout: float = Field(
        0.15, ge=0, le=0.9, description="Share of the network's signals left out."
    )
    patience: int = Field(
        5,
        ge=0,
        le=1_000,
        description="Stop after so many measurements without a better one; 0 goes to the end.",
    )


class Input(Params):
    """One row to complete."""

    row: dict[str, Cell] = Field(
        description="Values by column, as in the training data; what is not known may be left out."
    )


class PredictParams(Params):
    """How an answer is given."""

    decision: Literal["likeliest", "balanced"] = Field(
        "likeliest",
        description=(
            "Which class is the label: the likeliest, or the one that is more likely than usual, "
            "which finds rare classes. Probabilities stay the same."
        ),
    )
    coverage: float = Field(
        0.9,
        ge=0.5,
        le=0.99,
        description="Share of true amounts that shall lie within the interval given.",
    )
