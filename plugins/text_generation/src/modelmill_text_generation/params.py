"""What a customer may set of a training; form, API and validation come from this class."""

from typing import Literal

from modelmill_sdk import Params
from modelmill_sdk.bases import base_needed
from modelmill_sdk.fields import ZERO_CHOOSES
from pydantic import ConfigDict, Field

MAX_CONTEXT = 4096


class TrainParams(Params):
    """Settings of a training. Where 0 is offered it means: choose for my text and this machine."""

    model_config = ConfigDict(json_schema_extra=base_needed("method", ("full", "lora")))

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
    size: Literal["auto", "tiny", "small", "medium", "large"] = Field(
        "auto",
        title="Size",
        description="How large a new model is: about 2, 10, 45 or 130 million weights. Auto takes "
        "tiny on a processor, where it learns most per minute, and on a GPU what the amount of "
        "text is worth.",
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
        json_schema_extra=ZERO_CHOOSES,
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
        json_schema_extra=ZERO_CHOOSES,
    )
    batch: int = Field(
        0,
        title="Batch",
        ge=0,
        le=1024,
        description="How many stretches of text make one step; 0 chooses by the machine.",
        json_schema_extra=ZERO_CHOOSES,
    )
    context: int = Field(
        0,
        title="Context",
        ge=0,
        le=MAX_CONTEXT,
        description="How many tokens the model sees at once; 0 chooses by method and machine.",
        json_schema_extra=ZERO_CHOOSES,
    )
    learning_rate: float = Field(
        0.0,
        title="Learning rate",
        ge=0,
        le=1,
        description="How far each step goes at its peak; 0 chooses by method.",
        json_schema_extra=ZERO_CHOOSES,
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
        description="The share of activations dropped while learning; 0 chooses by how often the "
        "text will be read, which is none for up to three times.",
        json_schema_extra=ZERO_CHOOSES,
    )
    pack: bool = Field(
        True,
        title="Pack",
        description="Put short documents or conversations side by side into one stretch of text, "
        "without letting one see another; off gives each a stretch of its own.",
    )
    parts: int = Field(
        1,
        title="Parts",
        ge=1,
        le=256,
        description="In how many parts a batch is worked through (gradient accumulation): more "
        "need less memory and give the same result. It rises by itself when memory runs out.",
    )
    precision: Literal["auto", "float32", "bfloat16", "probe"] = Field(
        "auto",
        title="Precision",
        description="Arithmetic. auto measures on a GPU which is faster and is float32 on a CPU; "
        "probe measures on a CPU, too, and then a seed may give other weights elsewhere.",
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
    base_weights: Literal["float", "int8"] = Field(
        "float",
        title="Base weights",
        description="How lora keeps the base while learning: int8 takes a quarter of the memory, "
        "is a little slower, and changes the base in the third digit.",
    )
    merge: bool = Field(
        True,
        title="Merge adapters",
        description="Whether lora ends with a whole model that opens anywhere, or with the small "
        "adapters alone, which need the installed base.",
    )
    int8: bool = Field(
        False,
        title="Store int8 weights",
        description="Also store the finished model with one byte a weight, measure what that costs "
        "in quality, and write from it on a processor where it is faster and as good.",
    )
    sample_prompt: str = Field(
        "",
        title="Sample prompt",
        max_length=1000,
        description="What the sample texts shown during the training begin with.",
    )
