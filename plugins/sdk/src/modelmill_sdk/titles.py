"""What metrics that several plugins report are called: parts of a plugin's ``metrics``."""

from typing import Final

# By name, as a classifier reports them of its test split.
CLASSIFICATION: Final = {
    "accuracy": "Accuracy",
    "accuracy_low": "Accuracy, at least",
    "accuracy_high": "Accuracy, at most",
    "balanced_accuracy": "Balanced accuracy",
    "worst_class_recall": "Recall of the worst class",
    "macro_f1": "F1, mean of the classes",
    "log_loss": "Log loss",
    "calibration_error": "Calibration error",
    "most_frequent_class_accuracy": "Accuracy of the most frequent answer",
    "worst_group_accuracy": "Accuracy of the worst group",
    "group_accuracy_gap": "Gap between the groups' accuracies",
}
# Of a training with differential privacy.
PRIVACY: Final = {
    "privacy_epsilon": "Privacy: epsilon spent",
    "privacy_delta": "Privacy: delta",
    "privacy_noise": "Privacy: noise",
    "privacy_clip": "Privacy: largest gradient",
}
# ``Trade.metrics("int8")`` of ``learning.quantizing``.
INT8: Final = {
    "int8_size_ratio": "int8: share of the size",
    "int8_speed_ratio": "int8: times the speed",
    "int8_score_change": "int8: change of the score",
}
# ``Realism.metrics()`` of ``learning.realism``.
REALISM: Final = {
    "fid_fixed_conv_v1": "FID (fixed network, v1)",
    "fid_fixed_conv_v1_real": "FID of real pictures",
    "kid_fixed_conv_v1": "KID (fixed network, v1)",
    "kid_fixed_conv_v1_real": "KID of real pictures",
    "nearest_training_ratio": "Distance to the nearest training picture",
    "variety": "Variety",
    "pictures_drawn": "Pictures drawn",
    "pictures_held_out": "Pictures held out",
}
