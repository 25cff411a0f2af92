"""Training Faces: what it leaves behind, and that a seed decides it."""

from pathlib import Path

import pytest
import torch
from modelmill_gan_faces.plugin import GanFaces
from modelmill_sdk import CustomerError
from modelmill_sdk.protocol import CheckpointSaved, Log, Progress, Sample
from modelmill_sdk.testing import Recorder, dataset_write, train_once
from PIL import Image
from safetensors.torch import save_file

from tests.plugins.gan_faces.drawn import TINY, draw_face, write_faces

pytestmark = pytest.mark.training


def weights(model_dir: Path) -> bytes:
    return (model_dir / "model.safetensors").read_bytes()


def test_it_leaves_only_weights_and_a_configuration(colour_faces: Path, tmp_path: Path) -> None:
    model_dir, metrics = train_once(GanFaces, colour_faces, TINY, tmp_path)
    names = sorted(path.name for path in model_dir.iterdir())
    assert names == ["config.json", "model.safetensors"]
    assert metrics["images_seen"] == 6 * 8


def test_it_shows_its_progress_and_the_same_faces_at_intervals(
    colour_faces: Path, tmp_path: Path
) -> None:
    recorder = Recorder()
    train_once(GanFaces, colour_faces, TINY, tmp_path, recorder=recorder)
    steps = [m.step for m in recorder.messages if isinstance(m, Progress)]
    samples = [m for m in recorder.messages if isinstance(m, Sample)]
    assert steps == sorted(steps) and steps[-1] == 6
    assert [m.step for m in samples] == [3, 6]
    assert samples[0].path is not None
    with Image.open(samples[0].path) as sheet:
        assert sheet.size == (8 * 34 - 2, 4 * 34 - 2)


def test_a_seed_gives_the_same_weights_and_another_seed_others(
    colour_faces: Path, tmp_path: Path
) -> None:
    first, _ = train_once(GanFaces, colour_faces, TINY, tmp_path / "first", seed=5)
    again, _ = train_once(GanFaces, colour_faces, TINY, tmp_path / "again", seed=5)
    other, _ = train_once(GanFaces, colour_faces, TINY, tmp_path / "other", seed=6)
    assert weights(first) == weights(again)
    assert weights(first) != weights(other)


def test_a_resumed_training_gives_the_weights_of_an_uninterrupted_one(
    colour_faces: Path, tmp_path: Path
) -> None:
    params = {**TINY, "steps": 9}
    whole, _ = train_once(GanFaces, colour_faces, params, tmp_path / "whole", seed=1)
    recorder = Recorder(stop_at_step=4, reason="pause")
    train_once(GanFaces, colour_faces, params, tmp_path / "half", seed=1, recorder=recorder)
    saved = [m for m in recorder.messages if isinstance(m, CheckpointSaved)]
    assert saved[0].step < 9
    resumed, _ = train_once(
        GanFaces, colour_faces, params, tmp_path / "rest", seed=1, resume_dir=saved[0].path
    )
    assert weights(whole) == weights(resumed)


def test_a_checkpoint_holds_no_pickle(colour_faces: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    train_once(GanFaces, colour_faces, TINY, tmp_path, checkpoint_every_s=0.0, recorder=recorder)
    saved = [m for m in recorder.messages if isinstance(m, CheckpointSaved)]
    names = sorted(path.name for path in saved[-1].path.iterdir())
    assert names == ["state.json", "state.safetensors"]


def test_it_refuses_too_few_images(tmp_path: Path) -> None:
    data = write_faces(tmp_path / "data", count=12)
    with pytest.raises(CustomerError, match=r"has 12 images; Faces needs at least 100\."):
        train_once(GanFaces, data, TINY, tmp_path / "work")


def test_it_says_so_when_the_training_breaks_down(
    colour_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelmill_gan_faces import losses, trainer

    def broken(real: object, fake: object) -> object:
        return losses.generator_loss(real, fake) * float("nan")  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "generator_loss", broken)
    with pytest.raises(CustomerError, match="broke down at step") as caught:
        train_once(GanFaces, colour_faces, TINY, tmp_path)
    assert caught.value.param == "learning_rate"


def test_it_names_a_row_that_is_no_picture(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"image": draw_face(seed)} for seed in range(100)]
    rows.append({"image": {"bytes": b"no picture", "path": "notes.png"}})
    data = dataset_write(tmp_path / "data", "images", train=rows)
    with pytest.raises(CustomerError, match=r"notes\.png is no picture that can be read\."):
        train_once(GanFaces, data, TINY, tmp_path / "work")


def test_half_precision_trains_where_it_is_asked_for(colour_faces: Path, tmp_path: Path) -> None:
    params = {**TINY, "steps": 2, "precision": "bfloat16"}
    _, metrics = train_once(GanFaces, colour_faces, params, tmp_path)
    assert metrics["generator_loss"] is not None


def test_memory_that_runs_out_splits_the_batch(
    colour_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelmill_gan_faces.generator import Generator

    whole = Generator.forward

    def narrow(self: Generator, latents: torch.Tensor, *rest: object, **named: object) -> object:
        if self.training and len(latents) > 4:
            raise torch.OutOfMemoryError
        return whole(self, latents, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Generator, "forward", narrow)
    recorder = Recorder()
    _, metrics = train_once(GanFaces, colour_faces, TINY, tmp_path, recorder=recorder)
    lines = [m.message for m in recorder.messages if isinstance(m, Log)]
    assert metrics["images_seen"] == 48
    assert any("worked through 4 at a time" in line for line in lines)


def test_a_checkpoint_of_the_first_release_is_refused(colour_faces: Path, tmp_path: Path) -> None:
    save_file({"generator.start.weight": torch.zeros(1)}, tmp_path / "state.safetensors")
    (tmp_path / "state.json").write_text('{"step": 3}')
    with pytest.raises(CustomerError, match="earlier release"):
        train_once(GanFaces, colour_faces, TINY, tmp_path / "work", resume_dir=tmp_path)


def test_too_many_labels_are_left_out(tmp_path: Path) -> None:
    rows = [{"image": draw_face(seed), "label": seed % 50} for seed in range(100)]
    names = [f"person {n}" for n in range(50)]
    data = dataset_write(tmp_path / "data", "labelled_images", train=rows, label_names=names)
    recorder = Recorder()
    train_once(GanFaces, data, {**TINY, "steps": 1}, tmp_path / "work", recorder=recorder)
    lines = [m.message for m in recorder.messages if isinstance(m, Log)]
    assert any(line.startswith("50 labels for 100 pictures are too many") for line in lines)
