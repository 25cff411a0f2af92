"""A finished model's folder: safetensors and JSON, nothing else.

``config.json`` says which model answers; ``names.json`` are the names of items and users;
``sasrec.safetensors``, ``neighbours.safetensors`` and ``histories.safetensors`` are arrays.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy import sparse

from modelmill_recommendation.interactions import Histories, Ints
from modelmill_recommendation.neighbours import ItemKnn
from modelmill_recommendation.params import ITEM_KNN, POPULARITY, SASREC
from modelmill_recommendation.popularity import Popularity
from modelmill_recommendation.ranking import Scorer
from modelmill_recommendation.sasrec import NetworkScorer

_CONFIG, _NAMES = "config.json", "names.json"
_SASREC, _NEIGHBOURS = "sasrec.safetensors", "neighbours.safetensors"
_HISTORIES = "histories.safetensors"


@dataclass(frozen=True, kw_only=True)
class Recommender:
    """All three models with what they know, and which of them answers."""

    served: str
    network: NetworkScorer
    item_knn: ItemKnn
    popularity: Popularity
    items: list[str]
    users: list[str]
    histories: Histories
    may_repeat: bool

    def scorer(self, name: str) -> Scorer:
        """Give one of the models by name."""
        models: dict[str, Scorer] = {
            SASREC: self.network,
            ITEM_KNN: self.item_knn,
            POPULARITY: self.popularity,
        }
        return models[name]


def recommender_save(model: Recommender, folder: Path) -> None:
    """Write a model into its folder."""
    network = model.network.network
    _json_write(
        folder / _CONFIG,
        {
            "served": model.served,
            "may_repeat": model.may_repeat,
            "network": asdict(network.config),
        },
    )
    _json_write(folder / _NAMES, {"items": model.items, "users": model.users})
    weights = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
    _torch_write(folder / _SASREC, weights)
    likeness = model.item_knn.likeness
    neighbours = {
        "indptr": likeness.indptr.astype(np.int64),
        "indices": likeness.indices.astype(np.int64),
        "values": likeness.data.astype(np.float32),
        "shares": np.ascontiguousarray(model.item_knn.shares),
        "counts": model.popularity.counts,
    }
    save_file(neighbours, folder / _NEIGHBOURS)
    histories = {"offsets": model.histories.offsets, "items": model.histories.items}
    save_file(histories, folder / _HISTORIES)


def recommender_load(folder: Path, device: str) -> Recommender:
    """Read a model's folder; the network goes to ``device``."""
    from safetensors.torch import load_file as torch_load_file

    from modelmill_recommendation.network import Config, SasRec

    config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    names = json.loads((folder / _NAMES).read_text(encoding="utf-8"))
    network = SasRec(Config(**config["network"]))
    network.load_state_dict(torch_load_file(folder / _SASREC))
    arrays = load_file(folder / _NEIGHBOURS)
    kept = load_file(folder / _HISTORIES)
    return Recommender(
        served=config["served"],
        network=NetworkScorer(network.to(device).eval()),
        item_knn=_item_knn(arrays, item_count=len(names["items"])),
        popularity=Popularity(arrays["counts"]),
        items=names["items"],
        users=names["users"],
        histories=Histories(kept["offsets"], kept["items"]),
        may_repeat=config["may_repeat"],
    )


def nobody() -> Histories:
    """Give the histories of no users."""
    none: Ints = np.zeros(0, dtype=np.int64)
    return Histories(np.zeros(1, dtype=np.int64), none)


def _item_knn(arrays: dict[str, Any], *, item_count: int) -> ItemKnn:
    parts = (arrays["values"], arrays["indices"], arrays["indptr"])
    return ItemKnn(sparse.csr_matrix(parts, shape=(item_count, item_count)), arrays["shares"])


def _json_write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _torch_write(path: Path, tensors: dict[str, Any]) -> None:
    from safetensors.torch import save_file as torch_save_file

    torch_save_file(tensors, path)
