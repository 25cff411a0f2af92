"""A finished model and its folder: safetensors and JSON, nothing else.

``config.json`` has columns, target, choice and calibration; ``boosting.json`` the trees in
LightGBM's own text; ``network.safetensors`` the network's weights; ``importance.json`` what each
column is worth.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
    """Everything that predicts: trees, a network, or both, and how sure they may be.

    ``temperatures`` are by model; ``misses`` are held-out distances in spreads, sorted, from which
    intervals are made; ``ignored`` are columns that the data had and the model does not read.
    """

    encoder: Encoder
    target: Target
    served: str = AVERAGE
    stages: list[str]
    network: RowNetwork | None
    temperatures: dict[str, float]
    misses: list[float]
    ignored: list[str]

    def __post_init__(self) -> None:
        self._trees = Trees(self.stages, self.target) if self.stages else None

    @property
    def methods(self) -> list[str]:
        """The models there are, each of which ``predicted`` can be asked for."""
        single = [(BOOSTING, self._trees), (NETWORK, self.network)]
        found = [name for name, model in single if model is not None]
        return [*found, AVERAGE] if len(found) == 2 else found

    def scores(self, rows: Encoded, method: str, *, at_once: int = 4_096) -> Floats:
        """Give the scores of one of the two models, before calibration, ``(N, K)``."""
        if method == BOOSTING:
            assert self._trees is not None
            return self._trees.scores(self.encoder.for_trees(rows))
        assert self.network is not None
        device = str(self.network.head.bias.device)
        inputs = network_inputs(self.encoder, rows, device=device)
        return network_scores(self.network, inputs, at_once=at_once)

    def predicted(self, rows: Encoded, method: str = "", *, at_once: int = 4_096) -> Floats:
        """Give calibrated probabilities ``(N, K)``, or amounts in spreads ``(N, 1)``."""
        method = method or self.served
        if method == AVERAGE:
            both = [self.predicted(rows, one, at_once=at_once) for one in (BOOSTING, NETWORK)]
            return (both[0] + both[1]) / 2
        scores = self.scores(rows, method, at_once=at_once)
        return predicted_of(scores, self.target, temperature=self.temperatures.get(method, 1.0))


def model_save(model: RowModel, folder: Path, *, importance: dict[str, float]) -> None:
    """Write a model into its folder with what each column is worth; idle parts are left out."""
    from safetensors.torch import save_file

    network = model.network if model.served != BOOSTING else None
    _json_write(
        folder / _CONFIG,
        {
            "columns": [asdict(column) for column in model.encoder.columns],
            "target": asdict(model.target),
            "served": model.served,
            "temperatures": model.temperatures,
            "misses": model.misses,
            "ignored": model.ignored,
            "network": asdict(network.config) if network is not None else None,
        },
    )
    _json_write(folder / _IMPORTANCE, importance)
    stages = model.stages if model.served != NETWORK else []
    _json_write(folder / _BOOSTING, {"format": "LightGBM text", "stages": stages})
    if network is not None:
        weights = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
        save_file(weights, folder / _NETWORK)


def model_load(folder: Path, device: str) -> RowModel:
    """Read a model's folder; the network goes to ``device``."""
    from safetensors.torch import load_file

    config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    network = None
    if config["network"] is not None:
        network = RowNetwork(NetworkConfig(**config["network"]))
        network.load_state_dict(load_file(folder / _NETWORK))
        network = network.to(device).eval()
    return RowModel(
        encoder=Encoder([Column(**column) for column in config["columns"]]),
        target=Target(**config["target"]),
        served=config["served"],
        stages=json.loads((folder / _BOOSTING).read_text(encoding="utf-8"))["stages"],
        network=network,
        temperatures=config["temperatures"],
        misses=config["misses"],
        ignored=config["ignored"],
    )


def _json_write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
