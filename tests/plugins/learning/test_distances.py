"""The fixed features and the distances on them: what is worse is farther, on every machine."""

import pytest
import torch
import torch.nn.functional as F
from modelmill_sdk.learning.distances import fid, kid, nearest, variety
from modelmill_sdk.learning.features import fixed_features
from modelmill_sdk.learning.realism import realism_measure
from sklearn.datasets import load_digits

EXPECTED = [0.0415, 0.1266, 0.0071, 0.3793]


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    """400 scanned digits as pictures in [-1, 1]."""
    return torch.from_numpy(load_digits().images[:400]).float()[:, None] / 8 - 1


@pytest.fixture(scope="module")
def real(digits) -> torch.Tensor:
    return fixed_features().of(digits)


def test_the_features_are_the_same_as_when_they_were_named() -> None:
    ramp = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    found = fixed_features().of(ramp)[0, :4]
    expected = torch.tensor(EXPECTED, dtype=torch.float64)
    assert torch.allclose(found, expected, atol=1e-3), found


def test_bytes_and_tensors_have_the_same_features(digits, real) -> None:
    stored = ((digits + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    assert (fixed_features().of_bytes(stored) - real).abs().max() < 0.1


@pytest.mark.parametrize("distance", [kid, fid])
def test_worse_pictures_are_farther(digits, real, distance) -> None:
    other, half = real[200:], digits[:200]
    blurred = F.interpolate(F.avg_pool2d(half, 2), 8, mode="bilinear")
    noisy = half + 0.5 * torch.randn(half.shape, generator=torch.Generator().manual_seed(0))
    few = half[torch.arange(200) % 3]
    floor = distance(real[:200], other)
    for worse in (blurred, noisy, few):
        assert distance(fixed_features().of(worse), other) > 3 * abs(floor)


def test_equal_sets_are_at_no_distance(real) -> None:
    assert fid(real, real) == pytest.approx(0, abs=1e-6)
    assert abs(kid(real[:200], real[200:])) < 0.05


def test_copies_are_found_out(real) -> None:
    copied = realism_measure(real[:150], seen=real[:200], held_out=real[200:])
    honest = realism_measure(real[200:300], seen=real[:200], held_out=real[300:])
    assert copied.memorised < 0.01 and 0.8 < honest.memorised < 1.2
    assert nearest(real[3:4], real)[1].item() == 3


def test_variety_is_nothing_where_all_are_alike(real) -> None:
    assert variety(real[:1].expand(20, -1)) < 1e-3
    alike = realism_measure(real[:1].expand(50, -1), seen=real[:200], held_out=real[200:])
    assert alike.variety < 0.01
