"""A running installation for the API's tests: the web server, a worker, OpenAI's client."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import OpenAI

from tests.processes import Worker
from tests.serving import infer_worker


@pytest.fixture(scope="module")
def infer(django_db_setup: None, django_db_blocker: Any, valkey_server: Any) -> Iterator[Worker]:
    """An inference worker for a file of tests: it keeps nothing of a test but warm models.

    Not for the whole session, or it would take the work of workers in other folders' tests.
    """
    with (
        django_db_blocker.unblock(),
        infer_worker(f"redis://127.0.0.1:{valkey_server.port}/0") as worker,
    ):
        yield worker


@pytest.fixture
def client_of(live_server: Any, redis_url: str, infer: Worker) -> Iterator[Callable[..., OpenAI]]:
    """Make OpenAI's own client for a place, which does not try again."""
    made: list[OpenAI] = []

    def make(place: Any, **options: Any) -> OpenAI:
        options = {"api_key": place.key, "max_retries": 0, "timeout": 60, **options}
        made.append(OpenAI(base_url=f"{live_server.url}/v1", **options))
        return made[-1]

    yield make
    for client in made:
        client.close()
