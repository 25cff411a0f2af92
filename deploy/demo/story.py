"""What the demo does through the API, each step with a progress bar."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import openai.types
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

POLL_S = 0.5
DONE = {"succeeded", "failed", "cancelled"}


class StepFailed(Exception):
    """A step of the demo did not do what it should; the message says what happened."""


@dataclass
class Story:
    """One tenant's way through the API; ``made`` collects what it has to show."""

    client: openai.OpenAI
    folder: Path
    console: Console
    made: dict[str, str] = field(default_factory=dict)

    def upload(self, path: Path) -> str:
        """Upload a file and wait until it is a dataset; return the file's id."""
        with self._bar(f"Upload and check {path.name}", total=None):
            with path.open("rb") as stream:
                file = self.client.files.create(file=stream, purpose="fine-tune")
            while file.status == "uploaded":
                time.sleep(POLL_S)
                file = self.client.files.retrieve(file.id)
        if file.status != "processed":
            raise StepFailed(f"{path.name} was refused: {file.status_details}")
        self._tell_rows(file)
        return file.id

    def train(self, plugin: str, *, file_id: str, name: str, parameters: dict[str, Any]) -> str:
        """Train a plugin on a file and return the new model's name."""
        job = self.client.fine_tuning.jobs.create(
            model=plugin,
            training_file=file_id,
            suffix=name,
            seed=7,
            extra_body={"hyperparameters": parameters},
        )
        with self._bar(f"Train {plugin}", total=None) as (progress, task):
            while job.status not in DONE:
                time.sleep(POLL_S)
                job = self.client.fine_tuning.jobs.retrieve(job.id)
                _show(progress, task, job)
        if job.status != "succeeded" or job.fine_tuned_model is None:
            reason = job.error.message if job.error else job.status
            raise StepFailed(f"Training {plugin} ended as {job.status}: {reason}")
        return job.fine_tuned_model

    def draw(self, model: str, *, count: int) -> None:
        """Let a model draw pictures, and keep them as one sheet."""
        with self._bar(f"Draw {count} new faces", total=None):
            answer = self.client.images.generate(
                model=model, prompt="", n=count, extra_body={"seed": 1, "truncation": 0.8}
            )
        pictures = [base64.b64decode(image.b64_json or "") for image in answer.data or []]
        if len(pictures) != count:
            raise StepFailed(f"Asked for {count} pictures and got {len(pictures)}.")
        self.made["faces"] = str(_sheet(pictures, self.folder / "faces.png"))

    def write(self, model: str, *, prompt: str, tokens: int) -> None:
        """Let a model write, streamed to the screen as it comes."""
        pieces = []
        self.console.print(f"[bold]Write on from[/bold] “{prompt}”")
        stream = self.client.completions.create(
            model=model, prompt=prompt, max_tokens=tokens, temperature=0.8, seed=3, stream=True
        )
        for chunk in stream:
            text = chunk.choices[0].text if chunk.choices else ""
            pieces.append(text)
            self.console.out(text, end="", highlight=False)
        self.console.out("")
        if not "".join(pieces).strip():
            raise StepFailed("The text model wrote nothing.")
        self.made["text"] = prompt + "".join(pieces)

    def _tell_rows(self, file: openai.types.FileObject) -> None:
        """Say what became of a file: what came twice is kept once."""
        answer: Any = self.client.get("/datasets", cast_to=object)
        versions = [one["newest_version"] for one in answer["data"] if one["newest_version"]]
        made = next((one for one in versions if one["file_id"] == file.id), None)
        if made is not None:
            left = made["rows_seen"] - made["rows"]
            why = f"; {left} came twice or cannot be used, as its page tells" if left else ""
            said = f"{file.filename}: {made['rows']} of {made['rows_seen']} rows kept{why}"
            self.console.print(said, soft_wrap=True)

    @contextmanager
    def _bar(self, title: str, *, total: int | None) -> Iterator[tuple[Progress, TaskID]]:
        columns = (
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(title, total=total, note="")
            yield progress, task
            progress.update(task, total=1, completed=1)


def _show(progress: Progress, task: TaskID, job: Any) -> None:
    """Draw a job's own progress: steps done, and what it reports."""
    state = (job.model_extra or {}).get("x_progress") or {}
    if state.get("total"):
        metrics = " ".join(
            f"{name} {value:.3g}"
            for name, value in list((state.get("metrics") or {}).items())[:2]
            if isinstance(value, int | float)
        )
        note = f"{state['step']}/{state['total']} {metrics}"
        progress.update(task, total=state["total"], completed=state["step"], note=note)
    else:
        progress.update(task, note=job.status)


def _sheet(pictures: list[bytes], path: Path) -> Path:
    """Lay pictures out four in a row, magnified so that a person can see them."""
    import io

    from PIL import Image

    opened = [Image.open(io.BytesIO(data)).convert("RGB") for data in pictures]
    side = opened[0].width
    scale = max(1, 192 // side)
    columns = min(4, len(opened))
    rows = -(-len(opened) // columns)
    sheet = Image.new("RGB", (columns * side * scale, rows * side * scale), "white")
    for place, image in enumerate(opened):
        large = image.resize((side * scale, side * scale), Image.Resampling.NEAREST)
        sheet.paste(large, ((place % columns) * side * scale, (place // columns) * side * scale))
    sheet.save(path)
    return path
