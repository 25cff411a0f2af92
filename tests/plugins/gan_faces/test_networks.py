"""The networks, the augmentation and the latents, one by one."""

from pathlib import Path

import pytest
import torch
from modelmill_gan_faces.asking import between
from modelmill_gan_faces.config import FacesConfig
from modelmill_gan_faces.diffaugment import diffaugment, shift_place
from modelmill_gan_faces.discriminator import Discriminator
from modelmill_gan_faces.drawing import labels_of
from modelmill_gan_faces.generator import Generator
from modelmill_gan_faces.losses import gradient_penalty


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [32, 64, 128, 256])
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


def test_a_label_changes_what_is_drawn_and_how_it_is_judged() -> None:
    config = FacesConfig(resolution=32, width=4, labels=("cat", "dog"), label_counts=(3, 1))
    generator, discriminator = Generator(config).eval(), Discriminator(config)
    latents = torch.randn(1, config.latent_size).expand(4, -1)
    labels = torch.tensor([0, 0, 1, 1])
    pictures = generator(latents, labels)
    assert torch.equal(pictures[0], pictures[1]) and not torch.equal(pictures[0], pictures[2])
    same = pictures[:1].expand(4, -1, -1, -1)
    scores = discriminator(same, labels)
    assert scores[0] == scores[1] and scores[0] != scores[2]


def test_labels_are_drawn_as_often_as_they_were_seen() -> None:
    config = FacesConfig(labels=("cat", "dog"), label_counts=(3, 1))
    labels = labels_of(range(2_000), config)
    assert labels is not None and labels.float().mean().item() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("mix", [0.0, 0.25, 1.0])
def test_the_way_between_two_latents_keeps_their_length(mix: float) -> None:
    first, second = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))
    assert between(first, second, mix).norm().item() == pytest.approx(1, abs=1e-5)
