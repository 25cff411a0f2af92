"""Every plugin that learns from batches outlives a full memory, and ends when a loss breaks."""

import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from modelmill_sdk import CustomerError
from modelmill_sdk.conformance.inputs import params_short
from modelmill_sdk.conformance.samples import sample_dataset
from modelmill_sdk.protocol import Log
from modelmill_sdk.testing import Recorder, train_once
from modelmill_sdk.tools.finding import plugin_find_one
from torch import Tensor, nn

pytestmark = pytest.mark.training

SHELF = Path(__file__).parents[2] / "plugins"
UNTRAINED = {"sdk", "embeddings"}
PRIVATE = {"privacy_epsilon": 8}
SMALL = {"resolution": 32, "size": "small"}
# What a batch passes through, its second argument being the batch, and what makes it quick.
TRAININGS: dict[str, tuple[str, dict[str, Any]]] = {
    "gan_faces": ("generator.Generator.forward", SMALL),
    "image_classification": ("small.SmallNetwork.forward", {"width": 8}),
    "image_classification, private": ("small.SmallNetwork.forward", {"width": 8, **PRIVATE}),
    "image_vae": ("networks.Vae.decode", SMALL),
    "recommendation": ("network.SasRec.forward", {}),
    "tabular": ("network.RowNetwork.forward", {"network_steps": 8, "folds": 1}),
    "text_classification": ("networks.BagNetwork.forward", {"method": "bag"}),
    "text_classification, private": ("networks.BagNetwork.forward", PRIVATE),
    "text_generation": ("training.loss_sum", {"batch": 8, "context": 32}),
}

Harm = Callable[[Tensor, int], Tensor]


@pytest.fixture(params=TRAININGS)
def train(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Harm], list[str]]:
    """Train a plugin, harming what it makes of a batch of so many rows; give what it logged."""
    folder = request.param.partition(",")[0]
    place, params = TRAININGS[request.param]
    plugin = plugin_find_one(str(SHELF / folder), site=tmp_path).plugin
    data = sample_dataset(tmp_path / "data", plugin.accepts[0])
    whole = pkgutil.resolve_name(f"modelmill_{folder}.{place}")

    def train(harm: Harm) -> list[str]:
        def harmed(network: nn.Module, batch: Any, *rest: Any, **named: Any) -> Tensor:
            made: Tensor = whole(network, batch, *rest, **named)
            return harm(made, len(batch)) if network.training else made

        monkeypatch.setattr(f"modelmill_{folder}.{place}", harmed)
        recorder = Recorder()
        quick = {**params_short(plugin.TrainParams), **params}
        train_once(plugin, data, quick, tmp_path / "work", recorder=recorder)
        return [said.message for said in recorder.messages if isinstance(said, Log)]

    return train


def test_memory_that_runs_out_splits_the_batch(train) -> None:
    def harm(made: Tensor, row_count: int) -> Tensor:
        # Only now, that what the layers keep for the way back has to be given up.
        if row_count > 3:
            raise torch.OutOfMemoryError
        return made

    sizes = re.findall(r"worked through (\d+) at a time", " ".join(train(harm)))
    assert int(sizes[-1]) in (2, 3)


def test_a_loss_that_is_no_number_ends_the_training(train) -> None:
    with pytest.raises(CustomerError, match="broke down at step") as caught:
        train(lambda made, row_count: made * float("nan"))
    assert caught.value.param == "learning_rate"


def test_every_plugin_that_trains_is_looked_at() -> None:
    shelf = {path.parent.name for path in SHELF.glob("*/src")}
    assert {name.partition(",")[0] for name in TRAININGS} == shelf - UNTRAINED
