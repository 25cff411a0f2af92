"""The peer's arm of P1, run by the peers' Python: the MNIST network of Keras' own examples.

``p1_keras.py DATA EPOCHS SEED`` prints CPU seconds of ``fit`` and accuracy as JSON.
"""

import json
import sys
import time

import numpy as np


def main(data: str, epochs: int, seed: int) -> None:
    """Train for so many epochs with batches of 128, and test."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    with np.load(data) as kept:
        train_x, train_y, test_x, test_y = (
            kept[name] for name in ("train_x", "train_y", "test_x", "test_y")
        )
    side = train_x.shape[1]
    network = keras.Sequential(
        [
            keras.Input((side, side, train_x.shape[3])),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(int(train_y.max()) + 1, activation="softmax"),
        ]
    )
    network.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    began_s = time.process_time()
    network.fit(train_x / np.float32(255), train_y, batch_size=128, epochs=epochs, verbose=0)
    spent_s = time.process_time() - began_s
    _, accuracy = network.evaluate(test_x / np.float32(255), test_y, verbose=0)
    print(json.dumps({"seconds": spent_s, "accuracy": float(accuracy)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
