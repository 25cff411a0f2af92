"""What the metrics of a training are called."""

from modelmill_sdk.titles import CLASSIFICATION, INT8, PRIVACY

TITLES = {
    "loss": "Loss",
    "learning_rate": "Learning rate",
    "heldout_loss": "Held-out loss",
    "heldout_accuracy": "Held-out accuracy",
    "temperature": "Temperature",
    "best_step": "Best step",
    "pictures_seen": "Pictures seen",
    "weights": "Weights",
    **CLASSIFICATION,
    **PRIVACY,
    "onnx_largest_difference": "ONNX: largest difference",
    **INT8,
}
