"""What a customer may set; the form, the API and its validation come from these classes."""

from typing import Literal

from modelmill_sdk import Params
from modelmill_sdk.bases import base_needed
from modelmill_sdk.fields import ZERO_CHOOSES
from pydantic import ConfigDict, Field

# A request holds at most 8 MiB, and base64 makes four characters of three bytes.
MAX_PICTURE_CHARS = 7_000_000
MIN_IMAGES = 10
MIN_PER_CLASS = 2


class TrainParams(Params):
    """Settings of a training. Where 0 is offered it means: choose for my pictures and machine."""

    model_config = ConfigDict(json_schema_extra=base_needed("network", ("base",)))

    network: Literal["auto", "small", "resnet", "vit", "base"] = Field(
        "auto",
        title="Network",
        description="What learns: a small convolutional network (auto and small), a ResNet or a "
        "vision transformer from scratch, or an installed base model that is fine-tuned.",
    )
    base: str = Field(
        "",
        title="Base model",
        max_length=100,
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$",
        description="The installed base model to fine-tune; needed for the network base only.",
    )
    resolution: Literal[0, 28, 32, 48, 64, 96, 128, 160, 192, 224] = Field(
        0,
        title="Resolution",
        description="Side in pixels that pictures are scaled to; 0 looks at your pictures. Half "
        "the side trains about four times faster.",
        json_schema_extra=ZERO_CHOOSES,
    )
    channels: Literal["auto", "grey", "colour"] = Field(
        "auto",
        title="Channels",
        description="Grey or colour pictures; auto looks at them.",
    )
    width: int = Field(
        0,
        title="Width",
        ge=0,
        le=256,
        multiple_of=8,
        description="Feature channels that a new network begins with; 0 chooses. More learns finer "
        "differences, slower. On a CPU the first layer of the small network has about two thirds.",
        json_schema_extra=ZERO_CHOOSES,
    )
    epochs: int = Field(
        0,
        title="Epochs",
        ge=0,
        le=10_000,
        description="How often every picture is looked at; 0 chooses by their number.",
        json_schema_extra=ZERO_CHOOSES,
    )
    batch_size: int = Field(
        0,
        title="Batch size",
        ge=0,
        le=4096,
        description="Pictures that make one step; 0 chooses by their number and the machine.",
        json_schema_extra=ZERO_CHOOSES,
    )
    learning_rate: float = Field(
        0.0,
        title="Learning rate",
        ge=0,
        le=1,
        description="How far each step goes at its peak; 0 chooses by network.",
        json_schema_extra=ZERO_CHOOSES,
    )
    weight_decay: float = Field(
        0.0005,
        title="Weight decay",
        ge=0,
        le=1,
        description="How strongly weights are pulled towards zero; transformers take 100 times as "
        "much.",
    )
    label_smoothing: float = Field(
        0.1,
        title="Label smoothing",
        ge=0,
        lt=1,
        description="How much doubt to leave about every label; guards against wrong ones.",
    )
    augment: bool = Field(
        True,
        title="Vary the pictures",
        description="Turn, scale, shift and relight pictures a little while learning.",
    )
    mirror: Literal["auto", "yes", "no"] = Field(
        "auto",
        title="Mirror",
        description="Show half of the pictures mirrored. Auto does so unless mirrored pictures can "
        "be told from real ones, as digits and letters can.",
    )
    balance: Literal["auto", "sampling", "weights", "none"] = Field(
        "auto",
        title="Balance classes",
        description="Whether rare classes count as much as frequent ones: shown more often "
        "(sampling), or given more weight. Auto samples where one class is twice another.",
    )
    patience: int = Field(
        10,
        title="Patience",
        ge=0,
        le=1000,
        description="Stop after this many epochs without a better held-out score, counted once the "
        "learning rate has been at its peak; 0 never stops early.",
    )
    groups: str = Field(
        "",
        title="Groups",
        max_length=100,
        description="Report the quality for each group apart: a column's name, where the dataset "
        "has such a column, or prefix for the part of a file's name before its first underscore.",
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
        "pictures.",
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
        description="Also leave the network as an ONNX file, checked against the original.",
    )
    export_int8: bool = Field(
        False,
        title="int8 file",
        description="Also leave a copy with 8-bit weights, and measure what it gains and costs. "
        "Helps transformers; convolutions stay as they are.",
    )


class Input(Params):
    """One picture to classify."""

    image: str = Field(
        title="Picture",
        min_length=1,
        max_length=MAX_PICTURE_CHARS,
        description="The picture file in base64, with or without data:image/…;base64, before it: "
        "PNG, JPEG, WebP, GIF or BMP.",
        json_schema_extra={"contentEncoding": "base64", "contentMediaType": "image/*"},
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
        description="Add a heat map that shows where in the picture the answer comes from.",
    )
