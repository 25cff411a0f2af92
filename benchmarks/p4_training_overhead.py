"""P4: a training job of the platform beside the same loop bare.

The bare arm runs the loop in a process of its own. The platform's arm is a real
job: submitted, claimed, run by the supervisor in a child process, with
progress reported at every step, heartbeats, metering and checkpoints, on a
database of its own. Both report the steps per second of the same steps.
"""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.database import database
from benchmarks.rounds import rounds_run

STEPS = 800
STEPS_SMALL = 60
PLUGINS = Path(__file__).parent / "plugins"


def main(*, small: bool = False) -> None:
    """Print both rates and their ratio; fail unless every job succeeded and was billed once."""
    steps = STEPS_SMALL if small else STEPS
    os.environ["MODELMILL_PLUGIN_PATHS"] = str(PLUGINS)
    os.environ["MODELMILL_PLUGIN_THREADS"] = "1"
    os.environ["MODELMILL_HEARTBEAT_S"] = "2"
    os.environ["MODELMILL_CHECKPOINT_EVERY_S"] = "3"
    with database():
        tenant, file_id = _prepare()
        rounds_run(
            {
                "bare loop": lambda: _bare(steps),
                "platform job": lambda: _job(tenant, file_id=file_id, steps=steps),
            },
            rounds=1 if small else 5,
            unit="steps",
        )


def _bare(steps: int) -> float:
    done = subprocess.run(
        [sys.executable, str(PLUGINS / "modelmill_bench.py"), str(steps), "1"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return float(done.stdout)


def _prepare() -> tuple[Any, str]:
    """Make a tenant with a text dataset, and let the catalog know the loop."""
    from modelmill.core.scope import tenant_scope
    from modelmill.datasets.selectors import version_for
    from modelmill.datasets.services import file_create, version_validate
    from modelmill.tenants.callers import caller_system
    from modelmill.tenants.models import User
    from modelmill.tenants.services import tenant_create

    from workers.tasks.catalog import describe

    describe()
    tenant = tenant_create("Bench", owner=User.objects.create_user("bench@example.com"))
    with tenant_scope(tenant.id):
        text = "\n\n".join(f"Paragraph {number} of a text." for number in range(200))
        file = file_create(
            io.BytesIO(text.encode()),
            filename="text.txt",
            purpose="fine-tune",
            caller=caller_system(tenant),
        )
        version_validate(version_for(file.id).id)
    return tenant, file.id


def _job(tenant: Any, *, file_id: str, steps: int) -> float:
    from modelmill.core.scope import tenant_scope
    from modelmill.metering.models import UsageEvent
    from modelmill.registry.models import ModelVersion
    from modelmill.tenants.callers import caller_system
    from modelmill.training.services import job_submit

    from workers.supervisor import train_all

    with tenant_scope(tenant.id):
        job = job_submit(
            caller=caller_system(tenant),
            plugin_id="bench-loop",
            training_ref=file_id,
            parameters={"steps": steps},
        )
    train_all()
    with tenant_scope(tenant.id):
        job.refresh_from_db()
        assert job.state == "succeeded", (job.state, job.error_code, job.error_message)
        slices = UsageEvent.objects.filter(subject=job.id, billable=True)
        billed = sum(event.dims["step_to"] - event.dims["step_from"] for event in slices)
        assert billed == steps, (billed, steps)
        rate: float = ModelVersion.objects.get(job_id=job.id).metrics["rate"]
        return rate
