"""What the metrics of a training are called."""

from modelmill_sdk.titles import CLASSIFICATION, INT8, PRIVACY

TITLES = {
    "loss": "Loss",
    "learning_rate": "Learning rate",
    "strength": "Strength",
    "heldout_loss": "Held-out loss",
    "heldout_accuracy": "Held-out accuracy",
    "heldout_accuracy_words": "Held-out accuracy, words",
    "heldout_accuracy_both": "Held-out accuracy, words and pieces",
    "heldout_accuracy_bag": "Held-out accuracy, bag",
    "heldout_accuracy_lstm": "Held-out accuracy, LSTM",
    "heldout_accuracy_encoder": "Held-out accuracy, encoder",
    "methods_tried": "Methods tried",
    "temperature": "Temperature",
    "weights": "Weights",
    **CLASSIFICATION,
    **PRIVACY,
    "onnx_difference": "ONNX: largest difference",
    "onnx_size_bytes": "ONNX: bytes",
    **INT8,
}
