"""What a customer may set; the form, the API and its validation come from these classes."""

from typing import Literal

from modelmill_sdk import Params
from modelmill_sdk.bases import base_needed
from modelmill_sdk.fields import ZERO_CHOOSES
from pydantic import ConfigDict, Field

MAX_TEXT_CHARS = 100_000
MIN_ROWS = 10
MIN_PER_CLASS = 2


class TrainParams(Params):
    """Settings of a training. Where 0 is offered it means: choose for my texts and machine."""

    model_config = ConfigDict(json_schema_extra=base_needed("method", ("encoder",)))

    method: Literal["auto", "linear", "bag", "lstm", "encoder"] = Field(
        "auto",
        title="Method",
        description="What learns: a linear model on n-grams, a bag of n-gram embeddings, an LSTM, "
        "or an installed base encoder that is fine-tuned. Auto tries them, cheapest first, and "
        "keeps the best on held-out texts.",
    )
    budget_s: int = Field(
        10,
        title="Time budget",
        ge=1,
        le=86_400,
        description="About how many seconds auto may spend on one core. Which methods fit is "
        "reckoned from the amount of text, not by the clock, so a seed always gives one model.",
    )
    base: str = Field(
        "",
        title="Base model",
        max_length=100,
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$",
        description="The installed encoder to fine-tune; needed for the method encoder, and tried "
        "by auto where it fits the budget.",
    )
    ngrams: Literal["auto", "words", "both"] = Field(
        "auto",
        title="N-grams",
        description="What the linear model reads: words and their pairs (a Chinese character "
        "counts as a word), or also pieces of words, which helps with misspellings. Auto tries "
        "both where the budget allows.",
    )
    epochs: int = Field(
        0,
        title="Epochs",
        ge=0,
        le=1000,
        description="How often a network reads every text; 0 chooses by method and their number.",
        json_schema_extra=ZERO_CHOOSES,
    )
    batch_size: int = Field(
        0,
        title="Batch size",
        ge=0,
        le=4096,
        description="Texts that make one step of a network; 0 chooses.",
        json_schema_extra=ZERO_CHOOSES,
    )
    learning_rate: float = Field(
        0.0,
        title="Learning rate",
        ge=0,
        le=1,
        description="How far each step of a network goes at its peak; 0 chooses by method.",
        json_schema_extra=ZERO_CHOOSES,
    )
    max_tokens: int = Field(
        0,
        title="Longest text",
        ge=0,
        le=4096,
        description="How many tokens of a text a network reads; 0 chooses by your texts. The "
        "linear model reads all.",
        json_schema_extra=ZERO_CHOOSES,
    )
    dropout: float = Field(
        0.3,
        title="Dropout",
        ge=0,
        lt=1,
        description="The share of a network's values dropped while learning.",
    )
    weight_decay: float = Field(
        0.01,
        title="Weight decay",
        ge=0,
        le=1,
        description="How strongly the weights of an LSTM or encoder are pulled towards zero.",
    )
    label_smoothing: float = Field(
        0.05,
        title="Label smoothing",
        ge=0,
        lt=1,
        description="How much doubt a network leaves about every label; guards against wrong ones.",
    )
    balance: Literal["auto", "weights", "none"] = Field(
        "auto",
        title="Balance classes",
        description="Whether rare classes count as much as frequent ones. Auto gives them more "
        "weight where one class is four times another.",
    )
    patience: int = Field(
        2,
        title="Patience",
        ge=0,
        le=1000,
        description="Stop a network after this many epochs without a better held-out score; 0 "
        "never stops early.",
    )
    groups: str = Field(
        "",
        title="Groups",
        max_length=100,
        description="Report the quality for each group apart: the name of a column of the dataset.",
    )
    privacy_epsilon: float = Field(
        0.0,
        title="Privacy budget",
        ge=0,
        le=100,
        description="Learn with differential privacy, spending at most this epsilon; 0 learns "
        "without. 8 is a common choice; less is more private, and less exact.",
    )
    privacy_delta: float = Field(
        0.0,
        title="Privacy delta",
        ge=0,
        lt=1,
        description="The delta of differential privacy; 0 is a tenth of one over the number of "
        "texts.",
        json_schema_extra=ZERO_CHOOSES,
    )
    precision: Literal["auto", "float32", "bfloat16", "probe"] = Field(
        "auto",
        title="Precision",
        description="Arithmetic. auto measures on a GPU which is faster and is float32 on a CPU; "
        "probe measures on a CPU, too, and then a seed may give other weights elsewhere.",
    )
    export_onnx: bool = Field(
        False,
        title="ONNX file",
        description="Also leave a network as an ONNX file, checked against the original.",
    )
    export_int8: bool = Field(
        False,
        title="int8 file",
        description="Also leave a copy of a network with 8-bit weights, and measure what it gains "
        "and costs. Helps encoders most.",
    )


class Input(Params):
    """One text to classify."""

    text: str = Field(
        title="Text",
        min_length=1,
        max_length=MAX_TEXT_CHARS,
        description="The text to classify, in any language that the model was trained on.",
        examples=["The miller was friendly, and the flour is excellent.", "很好，值得推荐。"],
    )


class PredictParams(Params):
    """What an answer holds."""

    top: int = Field(
        0,
        title="Classes",
        ge=0,
        le=10_000,
        description="How many of the likeliest classes to list; 0 lists all.",
    )
    explain: bool = Field(
        False,
        title="Explain",
        description="Add which words spoke for the answer, and which against it.",
    )
