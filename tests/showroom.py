"""A tenant in the middle of its work: data, jobs, models, predictions, usage and an invoice.

Made through the rooms' own services wherever that takes no worker, for tests of
the pages and for their pictures in the docs.
"""

import atexit
import functools
import io
import math
import shutil
import tempfile
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from django.utils import timezone
from modelmill.billing.closing import invoice_close
from modelmill.billing.documents import document_store
from modelmill.billing.services import wallet_top_up
from modelmill.catalog.pictures import picture_store
from modelmill.catalog.services import catalog_sync
from modelmill.core.storage import blob_write
from modelmill.datasets.selectors import version_for
from modelmill.datasets.services import file_create
from modelmill.datasets.services.child import intake_run
from modelmill.datasets.services.results import result_store
from modelmill.inference.models import Prediction
from modelmill.metering.facts import Usage
from modelmill.metering.services import usage_record_many
from modelmill.registry.services import Lineage, alias_set, version_publish
from modelmill.tenants.models import Tenant
from modelmill.training.models import Attempt, Job, JobEvent
from modelmill.training.services import EventDraft, job_submit
from modelmill.training.services.events import events_write
from modelmill_sdk.describing import manifest_make
from PIL import Image

from deploy.demo.faces import face_png
from tests.conftest import Place
from tests.making import checkpoint_make

POEM = "The mill turns slowly in the evening light,\nand every grain that enters finds its stone.\n"
FACES = 120
STEPS = 4000


@dataclass
class Showroom:
    """What the tenant has, by the parts that tests name."""

    place: Place
    faces: Any
    prose: Any
    job: Job
    done: Job
    version: Any
    writer: Any
    prediction: Prediction
    invoice: Any


def showroom_make(place: Place) -> Showroom:
    """Fill the tenant; the media folder is the caller's."""
    plugins_publish()
    Tenant.objects.filter(pk=place.tenant.pk).update(created_at=timezone.now() - timedelta(days=70))
    with place.scope():
        wallet_top_up(tenant_id=place.tenant.pk, key="showroom", amount_micro=50_000_000)
        faces, prose = _bring(place, _zip(), "faces.zip"), _bring(place, _prose(), "evenings.txt")
        _bring(place, b"PK not a zip at all", "broken.zip")
        done = _job(place, "gan-faces", faces, suffix="portraits", step=STEPS)
        version = _publish(done, faces, "model.safetensors")
        writing = _job(place, "text-generation", prose, suffix="evenings", step=800)
        writer = _publish(writing, prose, "weights.safetensors")
        alias_set(version, name="prod", caller=place.caller)
        _fail(_job(place, "gan-faces", faces, suffix="large-portraits", step=120))
        job = _run(_job(place, "gan-faces", faces, suffix="portraits", step=1720))
        _save(job, 800, 1600)
        _save(done, 3200, STEPS)
        invoice = _use(place)
        prediction = _predict(place, version)
        return Showroom(place, faces, prose, job, done, version, writer, prediction, invoice)


def plugins_publish() -> None:
    """Publish the two plugins of this repository as a worker that found them would."""
    found = deepcopy(_manifests())
    for manifest in found:
        # As an installation would have them, and not as this checkout does.
        manifest |= {"location": "/opt/modelmill/site-packages", "is_editable": False}
        # The showroom's few pictures stand for the many that a plugin needs.
        manifest["needs"] |= {"train_rows": 0}
    for sample in (sample for manifest in found for sample in manifest["samples"]):
        if sample["kind"] == "image":
            content = Path(sample.pop("path")).read_bytes()
            sample |= {"sha256": picture_store(content), "media_type": "image/png"}
    catalog_sync(found)


@functools.cache
def _manifests() -> list[dict[str, Any]]:
    found = {point.name: point for point in entry_points(group="modelmill")}
    manifests = []
    out_dir = Path(tempfile.mkdtemp(prefix="modelmill-samples-"))
    atexit.register(shutil.rmtree, out_dir, ignore_errors=True)
    for name in ("gan_faces", "text_generation"):
        module = __import__(f"modelmill_{name}.plugin", fromlist=["plugin"])
        taken: list[Any] = []
        module.register_models(taken.append)
        point = found.get(name.replace("_", "-")) or next(iter(found.values()))
        manifests += [
            manifest_make(one, entry_point=point, out_dir=out_dir).model_dump(mode="json")
            for one in taken
        ]
    return manifests


@functools.cache
def picture(columns: int, rows: int, *, first: int = 0, pixels: int = 64) -> bytes:
    """Draw a sheet of faces."""
    sheet = Image.new("RGB", (columns * pixels, rows * pixels), "white")
    for at in range(columns * rows):
        face = Image.open(io.BytesIO(face_png(first + at, pixels=pixels))).convert("RGB")
        sheet.paste(face, (at % columns * pixels, at // columns * pixels))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


@functools.cache
def _zip() -> bytes:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(FACES):
            archive.writestr(f"face-{number:04d}.png", face_png(number, pixels=64))
        archive.writestr("=face.png", b"this is no picture")
        archive.writestr("scan.png", b"")
    return out.getvalue()


def _prose() -> bytes:
    return "\n\n".join(f"Evening {n}.\n{POEM * (n % 5 + 1)}" for n in range(60)).encode()


@functools.cache
def _checked(content: bytes, name: str) -> tuple[Path, dict[str, Any]]:
    """Check a source once for a test run: it takes a process."""
    folder = Path(tempfile.mkdtemp(prefix="modelmill-showroom-"))
    source = folder / name
    source.write_bytes(content)
    result = intake_run(source, name=name, folder=folder / "out", on_progress=lambda _rows: None)
    return folder / "out", result


def _bring(place: Place, content: bytes, name: str) -> Any:
    file = file_create(io.BytesIO(content), filename=name, purpose="fine-tune", caller=place.caller)
    version = version_for(file.id)
    folder, result = _checked(content, name)
    result_store(version, result, folder=folder)
    version.refresh_from_db()
    return version


def _job(place: Place, plugin_id: str, version: Any, *, suffix: str, step: int) -> Job:
    job = job_submit(
        caller=place.caller, plugin_id=plugin_id, training_ref=version.id, suffix=suffix, seed=7
    )
    began = timezone.now() - timedelta(minutes=6)
    Job.objects.filter(pk=job.pk).update(
        step=step,
        total_steps=STEPS,
        attempt=1,
        fence=1,
        started_at=began,
        meter="cpu_ms",
        billed_ms=360_000,
        metrics=_losses(step),
    )
    Attempt.objects.create(
        tenant=place.tenant, job=job, fence=1, number=1, worker="w1", device="cpu", started_at=began
    )
    trained = Usage(
        source="worker",
        event_id=f"run:{job.pk}",
        meter="cpu_ms",
        qty=360_000,
        occurred_at=began,
        subject=job.pk,
        plugin_id=plugin_id,
    )
    usage_record_many([trained], tenant_id=place.tenant.pk)
    events_write(_story(plugin_id, step), job_id=job.pk, tenant_id=place.tenant.pk)
    job.refresh_from_db()
    return job


def _save(job: Job, *steps: int) -> None:
    """Store checkpoints of a job."""
    for step in steps:
        content = f"{job.pk} at {step}".encode() * 250_000
        checkpoint_make(job, step=step, content=content, metrics=_losses(step))


def _losses(step: int) -> dict[str, float]:
    fall = math.exp(-step / 900)
    return {
        "generator_loss": round(0.7 + fall * 1.9 + 0.08 * math.sin(step / 37), 4),
        "discriminator_loss": round(1.1 - fall * 0.6 + 0.05 * math.cos(step / 23), 4),
        "images_per_second": round(310 + 12 * math.sin(step / 90), 1),
    }


def _story(plugin_id: str, last: int) -> list[EventDraft]:
    drafts = [EventDraft(message="Training began on cpu.")]
    for step in range(20, last + 1, 20):
        drafts.append(EventDraft(kind=JobEvent.Kind.METRICS, step=step, values=_losses(step)))
        if step % 400 == 0 and plugin_id == "gan-faces":
            blob = blob_write([picture(6, 3, first=step)], media_type="image/png")
            drafts.append(
                EventDraft(
                    kind=JobEvent.Kind.SAMPLE, step=step, blob=blob, values={"name": "faces"}
                )
            )
        elif step % 400 == 0:
            drafts.append(
                EventDraft(
                    kind=JobEvent.Kind.SAMPLE, step=step, message=POEM, values={"name": "text"}
                )
            )
    return drafts


def _publish(job: Job, version: Any, file: str) -> Any:
    lineage = Lineage(
        release=job.release,
        job_id=job.id,
        dataset_version_id=version.id,
        parameters=job.parameters,
        seed=job.seed,
        step=job.step,
        metrics={"loss": 0.7123, "images_per_second": 311.4},
        created_by=job.created_by,
    )
    blobs = {file: blob_write([job.id.encode() * 9000]), "config.json": blob_write([b"{}"])}
    made = version_publish(blobs, lineage=lineage, suffix=job.suffix)
    # The database lets a job end well that runs, and no other.
    _run(job)
    Job.objects.filter(pk=job.pk).update(
        state="succeeded",
        model_version=made,
        lease_until=None,
        lease_owner="",
        finished_at=timezone.now(),
    )
    Attempt.objects.filter(job=job).update(outcome="succeeded", ended_at=timezone.now())
    return made


def _fail(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(
        state="failed",
        error_code="out_of_memory",
        finished_at=timezone.now(),
        error_message="The training needed more memory than there is.",
    )


def _run(job: Job) -> Job:
    Job.objects.filter(pk=job.pk).update(
        state="running", lease_owner="w1", lease_until=timezone.now() + timedelta(hours=1)
    )
    job.refresh_from_db()
    return job


def _use(place: Place) -> Any:
    """Two months of use, the first of them closed into an invoice."""
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    end = now - timedelta(days=30)
    days = [now - timedelta(days=day) for day in range(62, -1, -1)]
    _record(place, [at for at in days if at < end])
    invoice = invoice_close(tenant_id=place.tenant.pk, end=end)
    document_store(invoice, language="en", content=b"%PDF-1.7 a showroom's invoice")
    _record(place, [at for at in days if at >= end])
    return invoice


def _record(place: Place, days: list[datetime]) -> None:
    usages = [
        Usage(
            source="showroom",
            event_id=f"{meter}:{at:%Y-%m-%d}",
            meter=meter,
            qty=qty + (qty * (at.toordinal() * 7 % 10)) // 20,
            occurred_at=at,
            plugin_id=plugin_id,
            model_id=model,
            subject=f"ftjob-{at:%d}" if meter == "cpu_ms" else "",
        )
        for at in days
        for meter, qty, plugin_id, model in (
            ("cpu_ms", 2_700_000, "gan-faces", ""),
            ("images", 12, "gan-faces", "portraits"),
            ("tokens_out", 130_000, "text-generation", "evenings"),
            ("byte_hours", 3 << 30, "", ""),
        )
    ]
    usage_record_many(usages, tenant_id=place.tenant.pk)


def _predict(place: Place, version: Any) -> Prediction:
    now = timezone.now()
    outputs = [
        {
            "kind": "image",
            "size": "64x64",
            "finish_reason": "stop",
            "blob_id": blob_write([face_png(900 + n, pixels=64)], media_type="image/png").pk,
        }
        for n in range(4)
    ]
    return Prediction.objects.create(
        tenant=place.tenant,
        version=version,
        model_name=version.name,
        plugin_id="gan-faces",
        endpoint="images",
        inputs=[{}] * 4,
        parameters={"truncation": 0.8},
        seed=42,
        state="succeeded",
        made_by="owner",
        started_at=now,
        finished_at=now,
        outputs=outputs,
        usage={"images": 4, "requests": 1},
        compute_ms=38,
        load_ms=0,
        model_state="warm",
        reservation_id="rsv-none",
        cost_micro=8_100,
    )
