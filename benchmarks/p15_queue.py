"""P15: what a claim costs with ten jobs in the queue and with ten thousand, and the way to a step.

Claims: a thousand tenants with ten jobs each, on SQLite and on a throw-away PostgreSQL, beside ten
tenants with one; each claimed job is given back, so that the queue stays as long. The plans of the
two queries that look for a job are printed. The way: a whole installation, from the request that
submits a job to the moment the API shows its first step.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.database import BenchPlace, database

_PART = "MODELMILL_BENCH_P15"
_PLUGINS = Path(__file__).parent / "plugins"


def main(*, small: bool) -> None:
    """Measure the claims on both databases, and the way to a first step.

    Small: a few claims on SQLite alone.
    """
    if small or os.environ.get(_PART):
        with database():
            _claims(tenants=20 if small else 1_000, rounds=5 if small else 200)
        return
    from tests.postgres import postgres_throwaway

    with postgres_throwaway() as url:
        for address in ("", url):
            _elsewhere(address)
    _way(15)


def _elsewhere(address: str) -> None:
    """Measure the claims in a process of its own: Django has one database for ever."""
    environment = {**os.environ, _PART: "1", "DATABASE_URL": address}
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "benchmarks", "p15"], env=environment, check=True)


def _claims(*, tenants: int, rounds: int) -> None:
    from django.db import connection

    place = BenchPlace()
    template = _template(place)
    made = _tenants(place, tenants)
    _jobs(template, made[:10], each=1)
    claims_ms = {"few": _claim_ms(rounds // 2)}
    count = 10 + _jobs(template, made, each=10)
    claims_ms["many"] = _claim_ms(rounds)
    plans = _plans()
    _jobs_leave(10)
    # Before and after, so that a machine whose speed drifts is fair to both.
    claims_ms["few"] += _claim_ms(rounds // 2)
    print(f"{connection.vendor}: a claim with 10 jobs of 10 tenants in the queue, and with")
    print(f"{count} jobs of {tenants} tenants; {rounds} claims each")
    for name, taken in claims_ms.items():
        worst = statistics.quantiles(taken, n=100)[98] if len(taken) > 10 else max(taken)
        print(f"{name}: {statistics.median(taken):.2f} ms median, {worst:.2f} ms p99")
    ratio = statistics.median(claims_ms["many"]) / statistics.median(claims_ms["few"])
    print(f"ratio of many to few: {ratio:.2f}")
    print(plans)


def _template(place: BenchPlace) -> Any:
    from modelmill.core.scope import system_scope
    from modelmill.training.models import Job
    from modelmill.training.states import State

    from tests.making import job_make

    job = job_make(place)
    with system_scope("the template itself is not for claiming"):
        Job.objects.filter(pk=job.pk).update(state=State.CANCELLED)
    return job


def _tenants(place: BenchPlace, count: int) -> list[str]:
    """Make tenants on one plan and book, each with a lane that waits."""
    from modelmill.billing.models import Balance, Subscription
    from modelmill.core.scope import system_scope
    from modelmill.tenants.models import Tenant
    from modelmill.training.lanes import Lane

    with system_scope("a benchmark's thousand tenants"):
        first = Subscription.objects.get(tenant=place.tenant)
        rows = [Tenant(name=f"Bench {at}", slug=f"bench-{at}") for at in range(count)]
        Tenant.objects.bulk_create(rows)
        period = {"started_at": first.started_at, "period_start": first.period_start}
        Subscription.objects.bulk_create(
            Subscription(tenant=row, plan=first.plan, book=first.book, **period) for row in rows
        )
        Balance.objects.bulk_create(Balance(tenant=row) for row in rows)
        Lane.objects.all().delete()
        Lane.objects.bulk_create(
            Lane(tenant=row, at_once=4, waits=at < 10) for at, row in enumerate(rows)
        )
    return [row.pk for row in rows]


def _jobs(template: Any, tenants: list[str], *, each: int) -> int:
    """Queue ``each`` jobs for every tenant, a tenant's own in a row."""
    from django.db import connection
    from modelmill.core.clock import database_now
    from modelmill.core.scope import system_scope
    from modelmill.training.lanes import Lane
    from modelmill.training.models import Job, job_id
    from modelmill.training.states import State

    now = database_now()
    kept = ("release_id", "training_ref", "training_version_id", "seed", "max_attempts")
    same = {name: getattr(template, name) for name in kept}
    with system_scope("a benchmark's queue"):
        Lane.objects.filter(tenant_id__in=tenants).update(waits=True)
        rows = [
            Job(id=job_id(), tenant_id=tenant, state=State.QUEUED, next_run_at=now, **same)
            for tenant in tenants
            for _ in range(each)
        ]
        Job.objects.bulk_create(rows, batch_size=500)
    with connection.cursor() as cursor:
        # As the database does by itself in time; a queue does not grow to this within a second.
        cursor.execute("ANALYZE")
    return len(rows)


def _claim_ms(rounds: int) -> list[float]:
    from modelmill.training.services import job_claim, job_yield
    from modelmill.training.states import State

    taken = []
    for at in range(rounds + 5):
        began_at = time.perf_counter()
        lease = job_claim("bench", memory_mib=8_192)
        took_ms = (time.perf_counter() - began_at) * 1e3
        assert lease is not None
        job_yield(lease, state=State.QUEUED)
        # The first ones warm the database's caches, and Django's.
        if at >= 5:
            taken.append(took_ms)
    return taken


def _jobs_leave(count: int) -> None:
    """Take all but the first jobs out of the queue, and their lanes with them."""
    from modelmill.core.scope import system_scope
    from modelmill.training.lanes import Lane
    from modelmill.training.models import Job
    from modelmill.training.states import State

    with system_scope("a benchmark's queue"):
        first = list(Job.objects.filter(state=State.QUEUED).order_by("id")[:count])
        kept = [job.pk for job in first]
        Job.objects.filter(state=State.QUEUED).exclude(pk__in=kept).update(state=State.CANCELLED)
        Lane.objects.exclude(tenant_id__in=[job.tenant_id for job in first]).update(waits=False)


def _plans() -> str:
    """Tell how the database finds the lane, and the job in it."""
    from modelmill.core.scope import system_scope
    from modelmill.training.fitting import jobs_fitting
    from modelmill.training.lanes import Lane
    from modelmill.training.models import Job
    from modelmill.training.services.leases import jobs_waiting
    from modelmill.training.services.turns import lanes_by_turn

    fits = jobs_waiting() & jobs_fitting(gpu_memory_mib=0, memory_mib=8_192)
    with system_scope("a benchmark reads the plans"):
        tenant = Lane.objects.filter(waits=True).values_list("tenant_id", flat=True).first()
        jobs = Job.objects.filter(fits, tenant_id=tenant).order_by("-priority", "id")
        of_lanes = lanes_by_turn(fits)[:4].explain()
        of_job = jobs.values_list("id", flat=True)[:1].explain()
    return f"plan of the lanes:\n{of_lanes}\nplan of the job:\n{of_job}"


def _way(rounds: int) -> None:
    from deploy.demo.__main__ import SCOPES
    from deploy.demo.visitor import Visitor
    from deploy.launch.installation import Installation

    os.environ["MODELMILL_PLUGIN_PATHS"] = str(_PLUGINS)
    for name in ("REDIS_URL", "SECRET_KEY", "MODELMILL_VAR_DIR", "DATABASE_URL"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory() as folder, Installation(Path(folder)) as running:
        visitor = Visitor(running.url, printed_mail=lambda: running.log("web"))
        visitor.sign_up()
        visitor.name_tenant("Bench Mill")
        taken = _first_steps(running.url, visitor.make_key(SCOPES), rounds)
    print(
        f"submit to first step: {statistics.median(taken):.2f} s median, {max(taken):.2f} s worst"
    )


def _first_steps(url: str, key: str, rounds: int) -> list[float]:
    """Submit one job after the other; return the seconds until the API shows a step of each."""
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
    text = "\n\n".join(f"Paragraph {number} of a text." for number in range(200))
    file = client.files.create(file=("text.txt", text.encode()), purpose="fine-tune")
    taken = []
    for _ in range(rounds + 1):
        began_at = time.perf_counter()
        job = client.fine_tuning.jobs.create(
            model="bench-loop", training_file=file.id, extra_body={"steps": 30}
        )
        while not _step(client, job.id):
            time.sleep(0.01)
        taken.append(time.perf_counter() - began_at)
        while client.fine_tuning.jobs.retrieve(job.id).status != "succeeded":
            time.sleep(0.05)
    # The first waits for the data to be checked, and for the first import of everything.
    return taken[1:]


def _step(client: Any, job_id: str) -> int:
    progress = client.fine_tuning.jobs.retrieve(job_id).model_extra["x_progress"]
    return int(progress["step"])
