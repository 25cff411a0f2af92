"""The relativistic pairing loss with zero-centred gradient penalties (R3GAN).

Huang, Gokaslan, Kuleshov, Tompkin: "The GAN is dead; long live the GAN! A modern baseline GAN",
NeurIPS 2024, sections 2.1 (loss, equation 2) and 2.2 (R1 and R2 together).
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Ask that each real picture scores above the generated one it is paired with."""
    return F.softplus(fake_scores - real_scores).mean()  # ()


def generator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Ask the opposite of `discriminator_loss`."""
    return F.softplus(real_scores - fake_scores).mean()  # ()


def gradient_penalty(scores: Tensor, pictures: Tensor) -> Tensor:
    """Mean over the pictures of the squared slope of their score: R1 on real, R2 on generated.

    Mescheder, Geiger, Nowozin: "Which training methods for GANs do actually converge?",
    ICML 2018, section 4.1. `pictures` must require gradients and have led to `scores`.
    """
    (slopes,) = torch.autograd.grad(scores.sum(), pictures, create_graph=True)  # (B, C, H, W)
    return slopes.square().sum(dim=(1, 2, 3)).mean()  # ()
