"""A whole installation on a machine with a GPU: the card is used, fenced, measured and billed."""

import time
from fractions import Fraction
from typing import Any

import pytest

from tests.flows.conftest import Customer, customer_new
from tests.flows.test_every_plugin import small_of, trained
from workers.supervisor.devices import device_choose

HAS_GPU = device_choose().kind == "cuda"

pytestmark = [
    pytest.mark.flow,
    pytest.mark.gpu,
    pytest.mark.skipif(not HAS_GPU, reason="There is no CUDA device here."),
]


@pytest.fixture(scope="module")
def customer(mill) -> Customer:
    return customer_new(mill, "Card Mill")


@pytest.mark.parametrize("name", ["gan_faces", "text_generation", "image_classification"])
def test_a_training_takes_the_card_and_pays_for_it(name: str, customer, mill, tmp_path) -> None:
    small, client = small_of(name), customer.client
    file = client.files.create(file=small.dataset_file(tmp_path), purpose="fine-tune")
    client.files.wait_for_processing(file.id, poll_interval=0.3)
    began_s = time.perf_counter()
    job = client.fine_tuning.jobs.create(
        model=name.replace("_", "-"),
        training_file=file.id,
        seed=1,
        hyperparameters=small.TRAIN,
    )
    model = trained(customer, job.id)
    took_s = time.perf_counter() - began_s

    manifest = _get(customer, f"/fine_tuning/jobs/{job.id}/manifest")
    done = _get(customer, f"/fine_tuning/jobs/{job.id}")
    device = manifest["attempts"][-1]["device"]
    print(f"\n{device}: {name} in {took_s:.1f} s, {done['x_memory']}, {done['x_cost']}")
    assert device == device_choose().name
    assert done["x_memory"]["gpu_peak_mib"] > 0
    spent = _get(customer, f"/usage/events?meter=gpu_ms&subject={job.id}")["data"]
    assert spent and sum(Fraction(event["amount_exact"]) for event in spent) > 0
    assert done["x_cost"]["amount_micro"] > 0

    for state in ("cold", "warm"):
        began_s = time.perf_counter()
        answer = client.post(
            "/predictions",
            cast_to=object,
            body={"model": model, "inputs": small.PREDICT},
            options={"headers": {"Prefer": "wait=60"}},
        )
        print(f"{name}, {state}: {time.perf_counter() - began_s:.2f} s, {answer['timing']}")
        assert answer["status"] == "succeeded", answer


def _get(customer: Customer, path: str) -> dict[str, Any]:
    return dict(customer.client.get(path, cast_to=object))
