"""Jobs of the fake learner: submitted, watched, and looked at when they are over."""

import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from modelmill.metering.models import UsageEvent
from modelmill.registry.services import version_fetch
from modelmill.training.models import Job
from modelmill.training.selectors import access_job
from modelmill.training.services import job_submit

from tests.conftest import Place
from tests.making import grain_make


def job_make(
    place: Place,
    *,
    plugin_id: str = "fake-learner",
    text: str = "corn\nbarley and rye\noats\n",
    max_cost_micro: int | None = None,
    quote_first: bool = False,
    **parameters: Any,
) -> Job:
    """Submit a training of the fake learner, or another, with these parameters, on a few lines."""
    version = grain_make(place, text)
    with place.scope():
        return job_submit(
            caller=place.caller,
            plugin_id=plugin_id,
            training_ref=version.id,
            parameters=parameters,
            seed=7,
            max_cost_micro=max_cost_micro,
            quote_first=quote_first,
        )


def job_now(place: Place, job: Job) -> Job:
    """Return a job as it is by now."""
    with place.scope():
        return access_job(job.id)


def meanwhile(place: Place, job: Job, act: Callable[[Job], object]) -> threading.Thread:
    """Do something, in a thread, once the job has got to its third step."""

    def wait() -> None:
        with place.scope():
            while access_job(job.id).step < 3:
                time.sleep(0.05)
            act(access_job(job.id))
        connection.close()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def steps_billed(place: Place, job: Job) -> list[int]:
    """Return the number of each step that was billed, as often as it was."""
    with place.scope():
        events = UsageEvent.objects.filter(subject=job.id, billable=True)
        ranges = [(event.dims["step_from"], event.dims["step_to"]) for event in events]
    return sorted(step for start, end in ranges for step in range(start, end))


def weights(place: Place, job: Job, folder: Any) -> bytes:
    """Return the bytes of what a job has learnt."""
    with place.scope():
        version = access_job(job.id).model_version
        assert version is not None
        return (version_fetch(version, folder / job.id) / "weights.json").read_bytes()
