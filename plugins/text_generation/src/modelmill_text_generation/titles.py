"""What the metrics of a training are called."""

TITLES = {
    "loss": "Loss",
    "learning_rate": "Learning rate",
    "heldout_loss": "Held-out loss",
    "perplexity": "Perplexity",
    "bits_per_byte": "Bits per byte",
    "bits_per_character": "Bits per character",
    "tokens_seen": "Tokens seen",
    "tokens_per_second": "Tokens per second",
    "best_step": "Best step",
    "weights": "Weights",
    "base_mib": "Memory of the base model, MiB",
    "int8_size_ratio": "int8: share of the size",
    "int8_speed_ratio": "int8: times the speed",
    "int8_perplexity_change": "int8: change of the perplexity",
    "writes_from_int8": "Writes from int8",
}
