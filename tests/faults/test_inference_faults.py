"""Parts of the installation die while a prediction is under way."""

import os
import time

import psutil
import pytest
from modelmill.inference.models import Prediction
from modelmill.inference.services import Ask, prediction_create
from modelmill.inference.sweeping import predictions_sweep
from modelmill.metering.models import UsageEvent

from tests.processes import command_of
from tests.serving import infer_worker, model_made

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]


def wait_until(claim, *, timeout_s: float = 40) -> None:
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)


def asked(place, *, pause_ms: int = 0) -> Prediction:
    version = model_made(place, "fake-speaker")
    with place.scope():
        ask = Ask(
            model=version.name,
            inputs=[{"prompt": "word " * 20}],
            parameters={"pause_ms": pause_ms},
        )
        return prediction_create(ask, caller=place.caller)


def state_of(place) -> str:
    with place.scope():
        return Prediction.objects.get().state


def test_a_killed_workers_prediction_is_done_by_another_and_billed_once(acme, redis_url) -> None:
    lease = {"MODELMILL_PREDICTION_LEASE_S": "5"}
    with infer_worker(redis_url, **lease) as first:
        asked(acme, pause_ms=400)

        def hosts() -> list[psutil.Process]:
            """What computes: started by the worker itself, or by what it lets fork hosts."""
            found = [*psutil.Process(first.pid).children()]
            forkers = [child for child in found if "forker.py" in command_of(child)]
            forked = [child for forker in forkers for child in forker.children()]
            launched = [child for child in found if "launcher.py" in command_of(child)]
            return launched + forked

        wait_until(lambda: state_of(acme) == "running" and hosts())
        children = psutil.Process(first.pid).children(recursive=True)
        os.kill(first.pid, 9)
        first.process.wait(10)
        # Nobody is left computing for a worker that is gone.
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive
    with infer_worker(redis_url, **lease):
        wait_until(lambda: predictions_sweep() or state_of(acme) == "succeeded")
        wait_until(lambda: state_of(acme) == "succeeded")
    with acme.scope():
        row = Prediction.objects.get()
        charged = dict(UsageEvent.objects.values_list("meter", "qty"))
    assert row.attempt == 2
    assert charged == {"tokens_in": 20, "tokens_out": 20, "requests": 1}


def test_a_ring_that_was_lost_is_repeated_by_the_sweep(acme, redis_url, valkey_server) -> None:
    asked(acme)
    valkey_server.client().flushall()
    with infer_worker(redis_url):
        assert state_of(acme) == "queued"
        wait_until(lambda: predictions_sweep() or state_of(acme) == "succeeded")
        wait_until(lambda: state_of(acme) == "succeeded")


def test_ten_rings_are_one_prediction(acme, redis_url) -> None:
    from modelmill.inference.services import prediction_ring

    prediction = asked(acme)
    for _ in range(9):
        prediction_ring(prediction)
    with infer_worker(redis_url):
        wait_until(lambda: state_of(acme) == "succeeded")
    with acme.scope():
        assert Prediction.objects.get().attempt == 1
        assert UsageEvent.objects.filter(meter="requests").count() == 1
