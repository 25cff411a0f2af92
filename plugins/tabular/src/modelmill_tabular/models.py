"""A finished model and its folder: safetensors and JSON, nothing else.

``config.json`` has columns, target, choice and calibration; ``boosting.json`` each fold's trees in
LightGBM's own text; ``network.safetensors`` the weights of each fold's network; ``importance.json``
what each column is worth.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modelmill_tabular.boosting import Trees
from modelmill_tabular.columns import Column
from modelmill_tabular.encoding import Encoded, Encoder
from modelmill_tabular.network import NetworkConfig, RowNetwork, network_inputs, network_scores
from modelmill_tabular.params import AVERAGE, BOOSTING, NETWORK
from modelmill_tabular.scores import predicted_of
from modelmill_tabular.tables import Floats
from modelmill_tabular.targets import Target

_CONFIG, _BOOSTING, _NETWORK = "config.json", "boosting.json", "network.safetensors"
_IMPORTANCE = "importance.json"


@dataclass(kw_only=True)
class RowModel:
    """Everything that predicts: trees, networks, or both, and how sure they may be.

    There is one of either for each fold of the rows, and all of them answer together.
    ``temperatures`` are by model; ``misses`` are held-out distances in spreads, sorted, from which
    intervals are made; ``ignored`` are columns that the data had and the model does not read.
    """

    encoder: Encoder
    target: Target
    served: str = AVERAGE
    stages: list[list[str]]
    networks: list[RowNetwork]
    temperatures: dict[str, float]
    misses: list[float]
    ignored: list[str]

    def __post_init__(self) -> None:
        self._trees = [Trees(stages, self.target) for stages in self.stages]

    @property
    def methods(self) -> list[str]:
        """The models there are, each of which ``predicted`` can be asked for."""
        found = [name for name in (BOOSTING, NETWORK) if self.fold_count(name)]
        return [*found, AVERAGE] if len(found) == 2 else found

    def fold_count(self, method: str) -> int:
        """Say of how many folds there is a model."""
        counts = {BOOSTING: len(self._trees), NETWORK: len(self.networks)}
        return counts.get(method, min(counts.values()))

    def scores(self, rows: Encoded, method: str, *, fold: int, at_once: int = 4_096) -> Floats:
        """Give the scores of a fold's trees or network, before calibration, ``(N, K)``."""
        if method == BOOSTING:
            return self._trees[fold].scores(self.encoder.for_trees(rows))
        network = self.networks[fold]
        inputs = network_inputs(self.encoder, rows, device=str(network.head.bias.device))
        return network_scores(network, inputs, at_once=at_once)

    def predicted(self, rows: Encoded, method: str = "", *, at_once: int = 4_096) -> Floats:
        """Give calibrated probabilities ``(N, K)``, or amounts in spreads ``(N, 1)``."""
        method = method or self.served
        if method == AVERAGE:
            both = [self.predicted(rows, one, at_once=at_once) for one in (BOOSTING, NETWORK)]
            return (both[0] + both[1]) / 2
        every = [
            self.predicted_by(fold, rows, method, at_once=at_once)
            for fold in range(self.fold_count(method))
        ]
        mean: Floats = np.mean(every, axis=0)
        return mean

    def predicted_by(
        self, fold: int, rows: Encoded, method: str = "", *, at_once: int = 4_096
    ) -> Floats:
        """Give what the models of one fold alone predict, as ``predicted`` does."""
        method = method or self.served
        if method == AVERAGE:
            both = [
                self.predicted_by(fold, rows, one, at_once=at_once) for one in (BOOSTING, NETWORK)
            ]
            return (both[0] + both[1]) / 2
        scores = self.scores(rows, method, fold=fold, at_once=at_once)
        return predicted_of(scores, self.target, temperature=self.temperatures.get(method, 1.0))


def model_save(model: RowModel, folder: Path, *, importance: dict[str, float]) -> None:
    """Write a model into its folder with what each column is worth; idle parts are left out."""
    from safetensors.torch import save_file

    networks = model.networks if model.served != BOOSTING else []
    _json_write(
        folder / _CONFIG,
        {
            "columns": [asdict(column) for column in model.encoder.columns],
            "target": asdict(model.target),
            "served": model.served,
            "temperatures": model.temperatures,
            "misses": model.misses,
            "ignored": model.ignored,
            "network": asdict(networks[0].config) if networks else None,
            "networks": len(networks),
        },
    )
    _json_write(folder / _IMPORTANCE, importance)
    stages = model.stages if model.served != NETWORK else []
    _json_write(folder / _BOOSTING, {"format": "LightGBM text", "folds": stages})
    if networks:
        weights = {
            f"{fold}.{key}": value.cpu().contiguous()
            for fold, network in enumerate(networks)
            for key, value in network.state_dict().items()
        }
        save_file(weights, folder / _NETWORK)


def model_load(folder: Path, device: str) -> RowModel:
    """Read a model's folder, also one of release 0.1; the networks go to ``device``."""
    config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    trees = json.loads((folder / _BOOSTING).read_text(encoding="utf-8"))
    alone = [trees["stages"]] if trees.get("stages") else []
    return RowModel(
        encoder=Encoder([Column(**column) for column in config["columns"]]),
        target=Target(**config["target"]),
        served=config["served"],
        stages=trees.get("folds", alone),
        networks=_networks_load(folder, config, device),
        temperatures=config["temperatures"],
        misses=config["misses"],
        ignored=config["ignored"],
    )


def _networks_load(folder: Path, config: dict[str, Any], device: str) -> list[RowNetwork]:
    from safetensors.torch import load_file

    if config["network"] is None:
        return []
    weights = load_file(folder / _NETWORK)
    if "networks" not in config:  # release 0.1 had one, of no fold
        weights = {f"0.{key}": value for key, value in weights.items()}
    networks = []
    for fold in range(config.get("networks", 1)):
        network = RowNetwork(NetworkConfig(**config["network"]))
        mine = f"{fold}."
        network.load_state_dict(
            {key.removeprefix(mine): one for key, one in weights.items() if key.startswith(mine)}
        )
        networks.append(network.to(device).eval())
    return networks


def _json_write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
