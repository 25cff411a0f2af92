"""The table of states, as the database itself holds it."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from modelmill.core.freezing import thawed
from modelmill.training.models import Job
from modelmill.training.states import State, may_follow

from tests.making import job_make


def _move(job: Job, state: str) -> None:
    lease = Now() if state == State.RUNNING else None
    Job.objects.filter(pk=job.pk).update(state=state, lease_until=lease)


@pytest.mark.parametrize("before", State.values)
def test_the_database_refuses_what_does_not_follow(acme, before: str) -> None:
    job = job_make(acme)
    with acme.scope():
        for after in State.values:
            with thawed():
                _move(job, before)
            if before == after or may_follow(before, after):
                _move(job, after)
            else:
                with pytest.raises(IntegrityError), transaction.atomic():
                    _move(job, after)


def test_every_state_is_reached_and_three_are_final() -> None:
    assert all(
        any(may_follow(before, after) for before in State)
        for after in State
        if after != State.VALIDATING
    )
    final = {before for before in State if not any(may_follow(before, after) for after in State)}
    assert final == {State.SUCCEEDED, State.FAILED, State.CANCELLED}
