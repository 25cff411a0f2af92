"""A tenant with grain and plugins, committed, for workers that are processes of their own."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import connection
from modelmill.metering.models import UsageEvent
from modelmill.registry.services import version_fetch
from modelmill.training.models import Job
from modelmill.training.selectors import access_job
from modelmill.training.services import job_submit

from tests.conftest import Place, place_make
from tests.faults.forked import Nursery
from tests.making import fakes_publish, grain_make
from tests.processes import FAKES

# ``make faults``: every point with many seeds, and a table at the end.
FULL = os.environ.get("FAULTS") == "1"
SEEDS = range(int(os.environ.get("FAULTS_SEEDS") or 20) if FULL else 1)
_ROWS = pytest.StashKey[dict[str, tuple[int, int]]]()
_HAS_PASSED = pytest.StashKey[bool]()


def suite_on(database: str) -> pytest.MarkDecorator:
    """In the plain suite on one database (or on none); in ``make faults`` on both."""
    is_here = FULL or connection.vendor == database
    where = f"on {database}" if database else "not at all; make faults has it"
    return pytest.mark.skipif(not is_here, reason=f"the plain suite has it {where}")


# Beats, leases and checkpoints quick enough for a test to watch.
QUICK = {
    "MODELMILL_LEASE_S": "6",
    "MODELMILL_HEARTBEAT_S": "1",
    "MODELMILL_CHECKPOINT_EVERY_S": "1",
    "MODELMILL_PLUGIN_THREADS": "1",
    "MODELMILL_PLUGIN_PATHS": str(FAKES),
}


class Mill:
    """A tenant, and what a test asks about its jobs."""

    def __init__(self, place: Place, redis_url: str, folder: Any) -> None:
        self.place = place
        self.redis_url = redis_url
        self._folder = folder

    def submit(
        self, version: Any = None, /, *, quote_first: bool = False, **parameters: Any
    ) -> Job:
        """Submit a training of the plugin that learns; equal data, equal seed."""
        version = version or grain_make(self.place)
        with self.place.scope():
            return job_submit(
                caller=self.place.caller,
                plugin_id="fake-learner",
                training_ref=version.id,
                parameters=parameters,
                seed=7,
                quote_first=quote_first,
            )

    def job(self, job: Job) -> Job:
        """Read the job as it is now."""
        with self.place.scope():
            return access_job(job.id)

    def weights(self, job: Job) -> bytes:
        """Read what a finished job has learnt."""
        with self.place.scope():
            version = access_job(job.id).model_version
            assert version is not None
            return (version_fetch(version, self._folder / job.id) / "weights.json").read_bytes()

    def billed(self, job: Job) -> tuple[list[int], int]:
        """Return every step the job was billed for, as often as it was, and the time billed."""
        with self.place.scope():
            events = list(UsageEvent.objects.filter(subject=job.id, billable=True))
        steps = [
            step
            for event in events
            for step in range(event.dims["step_from"], event.dims["step_to"])
        ]
        return sorted(steps), sum(event.qty for event in events)


@pytest.fixture
def mill(transactional_db: None, redis_url: str, settings: Any, tmp_path: Any) -> Iterator[Mill]:
    """A mill whose workers the test starts and kills itself."""
    settings.MEDIA_ROOT = settings.VAR_DIR / "storage"
    settings.LEASE_S, settings.HEARTBEAT_S = 6, 1
    fakes_publish()
    yield Mill(place_make("acme"), redis_url, tmp_path)


@pytest.fixture(scope="session")
def nursery(django_db_setup: None, valkey_server: Any) -> Iterator[Nursery]:
    """Where workers and calls are forked that a test kills."""
    nursery = Nursery(redis_url=f"redis://127.0.0.1:{valkey_server.port}/0", **QUICK)
    yield nursery
    nursery.close()


@pytest.fixture
def forks(nursery: Nursery, mill: Mill) -> Iterator[Nursery]:
    """The nursery, for a test with a mill; what the test leaves alive ends with it."""
    yield nursery
    nursery.reap()


@pytest.fixture
def held(request: pytest.FixtureRequest) -> Callable[[str], AbstractContextManager[None]]:
    """``with held("what"):`` counts a run of the table, and whether the block held.

    A fixture that yields within the block is told nothing of its test: then the test's own report
    says it.
    """
    rows = request.config.stash.setdefault(_ROWS, {})

    @contextmanager
    def held(what: str) -> Iterator[None]:
        runs, good = rows.get(what, (0, 0))
        rows[what] = (runs + 1, good)
        yield
        if request.node.stash.get(_HAS_PASSED, True):
            # Read anew: blocks of one name may lie within each other.
            runs, good = rows[what]
            rows[what] = (runs, good + 1)

    return held


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    """Keep whether the test passed, for fixtures that are put away after it."""
    report: pytest.TestReport = yield
    if report.when == "call":
        item.stash[_HAS_PASSED] = report.passed
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table of faults when FAULTS=1 asks for it."""
    rows = config.stash.get(_ROWS, {})
    if not (FULL and rows):
        return
    terminalreporter.section("faults")
    terminalreporter.write_line("| fault | runs | held |")
    terminalreporter.write_line("|---|---:|---:|")
    for what, (runs, good) in sorted(rows.items()):
        terminalreporter.write_line(f"| {what} | {runs} | {good} |")
    total, good = (sum(column) for column in zip(*rows.values(), strict=True))
    terminalreporter.write_line(f"{good} of {total} runs held")
