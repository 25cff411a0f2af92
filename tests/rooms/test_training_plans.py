"""How the databases find the next job: through an index, however many wait."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from modelmill.training.services import job_claim

from tests.conftest import Place
from tests.making import job_make


@pytest.fixture
def claimed(acme: Place, globex: Place) -> list[str]:
    """Every reading statement of a claim that finds a job, and of one that finds none."""
    job_make(acme)
    job_make(globex)
    with CaptureQueriesContext(
        connection,
    ) as seen:
        for _ in range(3):
            job_claim("w1")
    return [query["sql"] for query in seen if query["sql"].lstrip().startswith("SELECT")]


def test_a_claim_reads_jobs_and_lanes_by_index(claimed: list[str], db: Any) -> None:
    assert claimed
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Small tables are read whole; so forbidden, that is left only where no index serves.
            cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in claimed:
            plan = _plan(cursor, sql)
            for table in ("training_job", "training_lane"):
                assert f"SCAN {table}\n" not in plan and f"Seq Scan on {table} " not in plan, plan


def _plan(cursor: Any, sql: str) -> str:
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    cursor.execute(f"{explain} {sql}")
    return "".join(f"{row[-1]}\n" for row in cursor.fetchall())
