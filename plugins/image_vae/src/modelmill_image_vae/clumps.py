"""Where latents lie: in clumps with one spread for all.

One normal distribution for all of them lies mostly between real pictures, where a decoder gives two
of them at once, like a ghost. Axes: N latents, K clumps, L latent, B batch.
"""

import torch
from torch import Tensor

CLUMPS = 32
# Fewer to a clump on the average say little of it.
_EACH = 12
_ROUNDS = 50


def clumps_of(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Give the centres `(K, L)` of at most ``CLUMPS`` clumps, and each latent's clump `(N,)`.

    By k-means (Lloyd: "Least squares quantization in PCM", 1982); the same latents `(N, L)` give
    the same clumps.
    """
    count = max(1, min(CLUMPS, len(latents) // _EACH))
    random = torch.Generator().manual_seed(0)
    centres = latents[torch.randperm(len(latents), generator=random)[:count]].clone()  # (K, L)
    nearest = torch.cdist(latents, centres).argmin(dim=1)  # (N,)
    for _round in range(_ROUNDS):
        for number in sorted(set(nearest.tolist())):
            centres[number] = latents[nearest == number].mean(dim=0)
        before, nearest = nearest, torch.cdist(latents, centres).argmin(dim=1)
        if torch.equal(before, nearest):
            break
    return centres, nearest


def spread_of(apart: Tensor, *, freedom: int) -> Tensor:
    """Give the matrix `(L, L)` that turns normal noise into differences like ``apart`` `(N, L)`."""
    covariance = apart.double().T @ apart.double() / max(1, freedom)  # (L, L)
    values, vectors = torch.linalg.eigh(covariance)
    spread: Tensor = (vectors * values.clamp_min(0).sqrt()).float()
    return spread


def place_of(choice: Tensor, centres: Tensor, shares: Tensor) -> Tensor:
    """Give the centre `(B, L)` that each even number `(B,)` of [0, 1) stands for, by ``shares``."""
    last = int(shares.nonzero().max())
    number = torch.searchsorted(shares.cumsum(0), choice.to(shares), right=True)  # (B,)
    return centres[number.clamp_max(last)]
