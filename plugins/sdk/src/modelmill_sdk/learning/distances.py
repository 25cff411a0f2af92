"""How far two sets of pictures are apart, from their features.

Axes: N and M pictures, F features; features are float64 as ``FixedFeatures.of`` gives them.
"""

import torch
from torch import Tensor


def kid(first: Tensor, second: Tensor) -> float:
    """Give the kernel distance of features ``(N, F)`` and ``(M, F)``; 0 for equal distributions.

    Unbiased, so it may fall a little below 0, and means the same for few pictures as for many.
    Bińkowski et al.: "Demystifying MMD GANs", ICLR 2018, section 4: the cubic kernel.
    """
    within = _mean_of_others(_kernel(first, first)) + _mean_of_others(_kernel(second, second))
    return float(within - 2 * _kernel(first, second).mean())


def fid(first: Tensor, second: Tensor) -> float:
    """Give the Fréchet distance of features ``(N, F)`` and ``(M, F)``, both taken as Gaussian.

    Larger the fewer the pictures: compare only figures of equal numbers. Heusel et al.: "GANs
    trained by a two time-scale update rule", NeurIPS 2017, section 4.
    """
    apart = (first.mean(dim=0) - second.mean(dim=0)).square().sum()
    ours, theirs = torch.cov(first.T), torch.cov(second.T)  # (F, F) twice
    root = _root(ours)  # (F, F)
    # The root of a product has the trace of this symmetric one's, which is safe to compute.
    cross = torch.linalg.eigvalsh(root @ theirs @ root).clamp_min(0).sqrt().sum()
    return float(apart + ours.trace() + theirs.trace() - 2 * cross)


def nearest(features: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """Give each one's distance to the nearest ``among`` ``(M, F)``, and which: ``(N,)`` twice."""
    distances, places = torch.cdist(features, among).min(dim=1)
    return distances, places


def variety(features: Tensor) -> float:
    """Give the mean distance between any two of features ``(N, F)``; 0 where all are alike."""
    return float(_mean_of_others(torch.cdist(features, features)))


def _kernel(first: Tensor, second: Tensor) -> Tensor:
    return (first @ second.T / first.shape[1] + 1) ** 3  # (N, M)


def _mean_of_others(pairs: Tensor) -> Tensor:
    """Mean of a square matrix without its diagonal."""
    count = len(pairs)
    return (pairs.sum() - pairs.diagonal().sum()) / max(1, count * (count - 1))


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = vectors * values.clamp_min(0).sqrt() @ vectors.T  # (F, F)
    return root
