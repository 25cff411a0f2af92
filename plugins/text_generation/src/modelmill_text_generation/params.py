"""What a customer may set; the form, the API and its validation come from these classes."""

from typing import Annotated, Literal

from modelmill_sdk import Params
from pydantic import Field, StringConstraints

MAX_CONTEXT = 4096
MAX_STOPS = 4


class TrainParams(Params):
    """Settings of a training. Where 0 is offered it means: choose for my text and this machine."""

    method: Literal["scratch", "full", "lora"] = Field(
        "scratch",
        title="Method",
        description="Train a new model from scratch, or fine-tune a base model: all of its "
        "weights (full) or small adapters that are merged in at the end (lora).",
    )
    base: str = Field(
        "",
        title="Base model",
        max_length=100,
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$",
        description="The installed base model to fine-tune; needed for full and lora.",
    )
    size: Literal["tiny", "small", "medium"] = Field(
        "tiny",
        title="Size",
        description="How large a new model is: about 2, 10 or 45 million weights. On a processor "
        "without a GPU, tiny learns most per minute.",
    )
    tokenizer: Literal["auto", "bpe", "characters"] = Field(
        "auto",
        title="Tokenizer",
        description="What a new model reads: pieces of words learned from your text (bpe), single "
        "characters, or whichever suits the amount of text.",
    )
    vocabulary: int = Field(
        0,
        title="Vocabulary",
        ge=0,
        le=65536,
        description="How many tokens a new tokenizer may have; 0 chooses by the amount of text.",
    )
    rows: Literal["auto", "documents", "passages"] = Field(
        "auto",
        title="Rows are",
        description="Whether each row is a document of its own that ends, or a passage of one "
        "long text. Auto takes short rows for passages.",
    )
    steps: int = Field(
        0,
        title="Steps",
        ge=0,
        le=1_000_000,
        description="How many batches to learn from; 0 chooses by the amount of text and the "
        "machine.",
    )
    batch: int = Field(
        0,
        title="Batch",
        ge=0,
        le=1024,
        description="How many stretches of text make one step; 0 chooses by the machine.",
    )
    context: int = Field(
        0,
        title="Context",
        ge=0,
        le=MAX_CONTEXT,
        description="How many tokens the model sees at once; 0 chooses by method and machine.",
    )
    learning_rate: float = Field(
        0.0,
        title="Learning rate",
        ge=0,
        le=1,
        description="How far each step goes at its peak; 0 chooses by method.",
    )
    optimizer: Literal["muon", "adamw"] = Field(
        "muon",
        title="Optimizer",
        description="How a new model learns: Muon is faster on the same data. Fine-tuning always "
        "uses AdamW.",
    )
    weight_decay: float = Field(
        0.1,
        title="Weight decay",
        ge=0,
        le=1,
        description="How strongly weights are pulled towards zero.",
    )
    dropout: float = Field(
        0.0,
        title="Dropout",
        ge=0,
        le=0.5,
        description="The share of activations dropped while learning; 0.1 to 0.2 helps when a "
        "small text is read many times.",
    )
    patience: int = Field(
        5,
        title="Patience",
        ge=0,
        le=100,
        description="Stop after this many measurements of the held-out text without a better one "
        "(there are about twenty in a training); 0 never stops early.",
    )
    lora_rank: int = Field(
        16,
        title="LoRA rank",
        ge=1,
        le=256,
        description="The width of the adapters of lora.",
    )
    sample_prompt: str = Field(
        "",
        title="Sample prompt",
        max_length=1000,
        description="What the sample texts shown during the training begin with.",
    )


class Input(Params):
    """What a completion begins with."""

    prompt: str = Field(
        "",
        title="Prompt",
        max_length=1_000_000,
        description="The text to go on from; empty lets the model begin.",
    )


class PredictParams(Params):
    """How a text is drawn from the model."""

    max_tokens: int = Field(
        200, title="Length", ge=1, le=4096, description="The most tokens to write."
    )
    temperature: float = Field(
        0.8,
        title="Temperature",
        ge=0,
        le=2,
        description="0 always takes the likeliest token; higher is more surprising.",
    )
    top_p: float = Field(
        0.95,
        title="Top-p",
        gt=0,
        le=1,
        description="Draw only from the likeliest tokens that together have this probability.",
    )
    stop: list[Annotated[str, StringConstraints(min_length=1, max_length=100)]] = Field(
        [],
        title="Stop",
        max_length=MAX_STOPS,
        description="End before any of these texts appears.",
    )
