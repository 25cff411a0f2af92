"""The training room's reads."""

from collections.abc import Iterable

from django.db.models import Exists, Max, OuterRef, Prefetch, Q, QuerySet, Subquery, Window
from django.db.models.functions import Coalesce, RowNumber

from modelmill.core.errors import NotFound
from modelmill.training.models import Attempt, Checkpoint, Job, JobEvent
from modelmill.training.states import State


def job_list() -> QuerySet[Job]:
    """Return the jobs in scope with what a list shows of them, newest first."""
    return Job.objects.select_related("release__plugin", "model_version").order_by("-id")


def jobs_of_data(version_ids: Iterable[str]) -> QuerySet[Job]:
    """Return the jobs that train on any of these dataset versions, newest first."""
    return job_list().filter(training_version_id__in=list(version_ids))


def access_job(job_id: str) -> Job:
    """Return one job in scope, or raise ``NotFound``."""
    job = job_list().filter(pk=job_id).first()
    if job is None:
        raise NotFound(f"There is no fine-tuning job {job_id!r}.", code="job_not_found")
    return job


def job_events(job: Job, *, after: str = "") -> QuerySet[JobEvent]:
    """Return a job's events, oldest first; those behind the event ``after`` when it is given.

    All of them when the job has no such event: rather told twice than never.
    """
    events = JobEvent.objects.filter(job=job).order_by("seq")
    if not after:
        return events
    seen = Subquery(events.order_by().filter(pk=after).values("seq"))
    return events.filter(seq__gt=Coalesce(seen, 0))


def job_messages(job: Job) -> QuerySet[JobEvent]:
    """Return a job's lines of text, newest first."""
    return JobEvent.objects.filter(job=job, kind=JobEvent.Kind.MESSAGE).order_by("-seq")


def job_samples(job: Job) -> QuerySet[JobEvent]:
    """Return what the plugin showed during training, newest first.

    A picture has a ``blob``, a text is the ``message``; ``values["name"]`` is its series.
    """
    samples = JobEvent.objects.select_related("blob").filter(job=job, kind=JobEvent.Kind.SAMPLE)
    return samples.order_by("-seq")


def jobs_samples(jobs: Iterable[Job], *, newest: int) -> QuerySet[JobEvent]:
    """Return the newest samples of each of several jobs, each job's in the order they came."""
    rows = JobEvent.objects.filter(job__in=[job.pk for job in jobs], kind=JobEvent.Kind.SAMPLE)
    place = Window(RowNumber(), partition_by="job", order_by="-seq")
    return rows.annotate(place=place).filter(place__lte=newest).order_by("job", "seq")


def access_sample(job: Job, sample_id: str) -> JobEvent:
    """Return one sample of a job, or raise ``NotFound``."""
    sample = job_samples(job).filter(pk=sample_id).first()
    if sample is None:
        raise NotFound("There is no such sample.")
    return sample


def checkpoint_list(job: Job) -> QuerySet[Checkpoint]:
    """Return a job's checkpoints, newest first; only those with a ``blob`` still have bytes."""
    made = Prefetch("made_jobs", queryset=_jobs_of_checkpoints())
    return Checkpoint.objects.filter(job=job).prefetch_related(made).order_by("-id")


def checkpoints_kept(job: Job) -> QuerySet[Checkpoint]:
    """Return a job's checkpoints that still have bytes, the furthest first."""
    return checkpoint_list(job).filter(blob__isnull=False).order_by("-step", "-fence")


def checkpoint_job(checkpoint: Checkpoint) -> Job | None:
    """Return the job that makes, or made, a model of a checkpoint, unless it came to nothing.

    Also of another one of the same step, which has the same name.
    """
    named = {"from_checkpoint__job": checkpoint.job_id, "from_checkpoint__step": checkpoint.step}
    return _jobs_of_checkpoints().filter(**named).first()


def access_checkpoint(job: Job, checkpoint_id: str) -> Checkpoint:
    """Return one checkpoint of a job, or raise ``NotFound``."""
    checkpoint = checkpoint_list(job).filter(pk=checkpoint_id).first()
    if checkpoint is None:
        raise NotFound(f"The job has no checkpoint {checkpoint_id!r}.", code="checkpoint_not_found")
    return checkpoint


def job_peaks(job: Job) -> tuple[int, int]:
    """Return the most memory any attempt had, of the machine and of a GPU, in MiB; 0 unmeasured."""
    most = Attempt.objects.filter(job=job).aggregate(
        memory=Max("peak_memory_mib"), gpu=Max("peak_gpu_memory_mib")
    )
    return most["memory"] or 0, most["gpu"] or 0


def attempt_list(job: Job) -> QuerySet[Attempt]:
    """Return the attempts at a job, the first one first.

    One ``is_resumed`` that goes on with a try in which nothing had failed, such as after a pause.
    """
    same = Attempt.objects.filter(job=OuterRef("job"), number=OuterRef("number"))
    before = same.filter(fence__lt=OuterRef("fence"))
    return Attempt.objects.filter(job=job).order_by("fence").annotate(is_resumed=Exists(before))


def _jobs_of_checkpoints() -> QuerySet[Job]:
    """Return the jobs that make, or made, a model of a checkpoint; newest first."""
    came_to_nothing = Q(state__in=(State.FAILED, State.CANCELLED))
    came_to_nothing |= Q(model_version__deleted_at__isnull=False)
    return job_list().filter(from_checkpoint__isnull=False).exclude(came_to_nothing)
