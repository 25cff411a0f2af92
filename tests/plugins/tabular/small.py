"""Real tables that scikit-learn brings, as customers would upload them."""

import csv
from pathlib import Path
from typing import Any

Row = dict[str, Any]

TRAIN: dict[str, Any] = {"target": "diagnosis", "rounds": 60, "network_steps": 200}


def breast_cancer() -> list[Row]:
    """569 tumours: thirty measured numbers and a diagnosis."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    names = [name.replace(" ", "_") for name in found.feature_names]
    return [
        {
            **dict(zip(names, values.tolist(), strict=True)),
            "diagnosis": str(found.target_names[kind]),
        }
        for values, kind in zip(found.data, found.target, strict=True)
    ]


def wine() -> list[Row]:
    """178 wines of three growers, the class a whole number."""
    from sklearn.datasets import load_wine

    found = load_wine()
    return [
        {**dict(zip(found.feature_names, values.tolist(), strict=True)), "grower": int(kind)}
        for values, kind in zip(found.data, found.target, strict=True)
    ]


def diabetes() -> list[Row]:
    """442 patients and how far their illness went in a year."""
    from sklearn.datasets import load_diabetes

    found = load_diabetes(scaled=False)
    return [
        {**dict(zip(found.feature_names, values.tolist(), strict=True)), "progress": float(amount)}
        for values, amount in zip(found.data, found.target, strict=True)
    ]


def _inputs() -> list[Row]:
    rows = breast_cancer()
    malignant = {name: value for name, value in rows[0].items() if name != "diagnosis"}
    benign = {name: value for name, value in rows[20].items() if name != "diagnosis"}
    return [{"row": malignant}, {"row": benign}, {"row": {"mean_radius": 25.0}}]


PREDICT: list[Row] = _inputs()


def dataset_file(folder: Path) -> Path:
    """Write the tumours as a CSV file."""
    path = folder / "tumours.csv"
    rows = breast_cancer()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def check(results: list[Any]) -> None:
    """See that clear cases are told apart, and that gaps are named."""
    malignant, benign, bare = results
    assert malignant["label"] == "malignant"
    assert benign["label"] == "benign"
    for result in results:
        assert abs(sum(result["probabilities"].values()) - 1) < 1e-3
    assert len(bare["missing_columns"]) == 29
