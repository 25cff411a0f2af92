"""The networks, the augmentation and the reading of pictures, one by one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from modelmill_gan_faces.batches import Batches
from modelmill_gan_faces.config import FacesConfig
from modelmill_gan_faces.diffaugment import diffaugment, shift_place
from modelmill_gan_faces.discriminator import Discriminator
from modelmill_gan_faces.ema import ema_update
from modelmill_gan_faces.generator import Generator
from modelmill_gan_faces.losses import gradient_penalty


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [32, 64, 128])
def test_every_size_builds_and_runs(resolution: int, channels: int) -> None:
    config = FacesConfig(resolution=resolution, channels=channels, width=4)
    pictures = Generator(config)(torch.randn(4, config.latent_size))
    assert pictures.shape == (4, channels, resolution, resolution)
    assert pictures.abs().max() <= 1
    assert Discriminator(config)(pictures).shape == (4,)


def test_a_configuration_survives_the_disk(tmp_path: Path) -> None:
    config = FacesConfig(resolution=128, channels=1, width=32, latent_size=16)
    config.write(tmp_path)
    assert FacesConfig.read(tmp_path) == config


@pytest.mark.parametrize("channels", [1, 3])
def test_augmentation_keeps_the_shape_and_lets_gradients_through(channels: int) -> None:
    pictures = torch.rand(8, channels, 32, 32, requires_grad=True)
    seen = diffaugment(pictures, torch.Generator().manual_seed(0))
    assert seen.shape == pictures.shape
    seen.sum().backward()  # type: ignore[no-untyped-call]
    assert pictures.grad is not None and pictures.grad.abs().sum() > 0


def test_a_shift_moves_a_picture_by_whole_pixels() -> None:
    pictures = torch.zeros(64, 1, 32, 32)
    pictures[:, :, 16, 16] = 1.0
    shifted = shift_place(pictures, torch.Generator().manual_seed(0))
    assert torch.equal(shifted.sum(dim=(1, 2, 3)), torch.ones(64))
    _, _, rows, columns = shifted.nonzero(as_tuple=True)
    assert set(rows.tolist()) == set(columns.tolist()) == set(range(12, 21))


def test_the_gradient_penalty_of_a_linear_score_is_its_slope() -> None:
    pictures = torch.randn(4, 1, 8, 8, requires_grad=True)
    penalty = gradient_penalty((pictures * 2).sum(dim=(1, 2, 3)), pictures)
    assert penalty.item() == pytest.approx(4 * 64)


def test_each_epoch_shows_each_picture_once() -> None:
    pictures = np.zeros((10, 8, 8, 1), dtype=np.uint8)
    batches = Batches(pictures=pictures, batch_size=4, seed=1)
    shown = np.concatenate([batches.rows(index) for index in range(5)])
    assert sorted(shown[:10]) == sorted(shown[10:]) == list(range(10))
    assert shown[:10].tolist() != shown[10:].tolist()


def test_the_average_moves_towards_the_learner() -> None:
    average, learner = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    before = (average.weight - learner.weight).abs().sum()
    ema_update(average, learner, step=10_000, decay=0.9)
    after = (average.weight - learner.weight).abs().sum()
    assert after.item() == pytest.approx(before.item() * 0.9, rel=1e-4)
