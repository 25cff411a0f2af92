"""The peer of P2 and P3: a DCGAN as tutorials give it.

Radford, Metz, Chintala: "Unsupervised representation learning with deep convolutional generative
adversarial networks", ICLR 2016, section 3 and the training details of section 4: batch
normalisation, Adam at 0.0002 with a momentum of 0.5, weights drawn with 0.02, batches of 64, binary
cross-entropy, float32, and files that are opened and decoded each time they are shown.

Axes: B batch, C channels, H height, W width.
"""

import io
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

WIDTH = 64
LATENT = 100
BATCH = 64


class Files(Dataset[Tensor]):
    """Encoded pictures, decoded when they are asked for."""

    def __init__(self, encoded: Sequence[bytes], *, side: int) -> None:
        self.encoded, self.side = encoded, side

    def __len__(self) -> int:
        return len(self.encoded)

    def __getitem__(self, index: int) -> Tensor:
        picture = Image.open(io.BytesIO(self.encoded[index])).convert("RGB")
        picture = picture.resize((self.side, self.side), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255)  # (H, W, C)
        return (pixels.permute(2, 0, 1) - 0.5) / 0.5  # (C, H, W)


def generator_make() -> nn.Sequential:
    """Latents `(B, 100, 1, 1)` to pictures `(B, 3, 64, 64)`."""
    widths = [8 * WIDTH, 4 * WIDTH, 2 * WIDTH, WIDTH]
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(LATENT, widths[0], 4, 1, 0, bias=False),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(True),
    ]
    for before, after in pairwise(widths):
        layers += [
            nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(True),
        ]
    layers += [nn.ConvTranspose2d(WIDTH, 3, 4, 2, 1, bias=False), nn.Tanh()]
    return nn.Sequential(*layers).apply(_weights_draw)


def discriminator_make() -> nn.Sequential:
    """Pictures `(B, 3, 64, 64)` to logits `(B, 1, 1, 1)`."""
    layers: list[nn.Module] = [nn.Conv2d(3, WIDTH, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for before in (WIDTH, 2 * WIDTH, 4 * WIDTH):
        layers += [
            nn.Conv2d(before, 2 * before, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * before),
            nn.LeakyReLU(0.2, True),
        ]
    layers += [nn.Conv2d(8 * WIDTH, 1, 4, 1, 0, bias=False)]
    return nn.Sequential(*layers).apply(_weights_draw)


class Dcgan:
    """Both networks, their optimizers, and one training step."""

    def __init__(self, encoded: Sequence[bytes], *, device: str, seed: int) -> None:
        torch.manual_seed(seed)
        self.device = device
        self.generator = generator_make().to(device)
        self.discriminator = discriminator_make().to(device)
        self.adams = [
            torch.optim.Adam(network.parameters(), 0.0002, (0.5, 0.999))
            for network in (self.generator, self.discriminator)
        ]
        self._batches = self._endless(encoded)

    def advance(self) -> None:
        """Take one step of both networks, as the tutorials write it."""
        real = next(self._batches).to(self.device)  # (B, C, H, W)
        ones = torch.ones(len(real), device=self.device)
        zeros = torch.zeros(len(real), device=self.device)
        self.discriminator.zero_grad()
        self._judged(real, ones).backward()  # type: ignore[no-untyped-call]
        latents = torch.randn(len(real), LATENT, 1, 1, device=self.device)
        fake = self.generator(latents)  # (B, C, H, W)
        self._judged(fake.detach(), zeros).backward()  # type: ignore[no-untyped-call]
        self.adams[1].step()
        self.generator.zero_grad()
        self._judged(fake, ones).backward()  # type: ignore[no-untyped-call]
        self.adams[0].step()

    @torch.no_grad()
    def draw(self, count: int, *, seed: int) -> Tensor:
        """Pictures `(B, C, H, W)` in [-1, 1] from seeded latents."""
        self.generator.eval()
        random = torch.Generator().manual_seed(seed)
        latents = torch.randn(count, LATENT, 1, 1, generator=random).to(self.device)
        drawn = torch.cat([self.generator(part) for part in torch.split(latents, BATCH)])
        self.generator.train()
        return drawn

    def _judged(self, pictures: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.discriminator(pictures).view(-1), target)

    def _endless(self, encoded: Sequence[bytes]) -> Iterator[Tensor]:
        loader = DataLoader(Files(encoded, side=64), batch_size=BATCH, shuffle=True, drop_last=True)
        while True:
            yield from loader


def _weights_draw(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)
