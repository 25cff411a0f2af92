"""What the metrics of a training are called."""

from modelmill_sdk.titles import REALISM

TITLES = {
    "generator_loss": "Generator loss",
    "discriminator_loss": "Discriminator loss",
    "variety_of_samples": "Variety of samples",
    "images_seen": "Pictures seen",
    "onnx_difference": "ONNX: largest difference",
    "onnx_size_bytes": "ONNX: bytes",
    **REALISM,
}
