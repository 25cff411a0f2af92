"""How good a finished model is, on pictures that it neither learnt from nor was stopped by."""

from collections.abc import Mapping

import torch
from modelmill_sdk import TrainRun
from modelmill_sdk.learning.features import fixed_features
from modelmill_sdk.learning.pictures import pictures_decode, pictures_decoded
from modelmill_sdk.learning.realism import MIN_HELD_OUT, realism_measure

from modelmill_image_vae.answers import model_load
from modelmill_image_vae.measuring import measure

MOST_DRAWN = 1_000


@torch.no_grad()
def evaluate(run: TrainRun) -> Mapping[str, float]:
    """Measure rebuilding on the test split, and how real newly drawn pictures are.

    Without a test split, or with too small a one, nothing is measured, and a line says so.
    """
    count = run.data.row_count("test")
    if count < MIN_HELD_OUT:
        run.log(f"{count} test pictures are too few to measure by; {MIN_HELD_OUT} are needed.")
        return {}
    network = model_load(run.model_dir, run.device)
    test = pictures_decode(
        run.data,
        "test",
        size=network.config.resolution,
        channels="grey" if network.config.channels == 1 else "colour",
        folder=run.workdir,
        threads=run.threads,
    )
    found = measure(network, test)
    metrics = {
        "rebuilding_error": found.absolute / 2,
        "rebuilding_psnr_db": found.psnr,
        "rebuilding_ssim": found.similarity,
        "elbo_nats_per_dimension": found.elbo,
        "kl_nats": found.nats,
    }
    seen = pictures_decoded(run.workdir)
    if seen is None:
        return metrics
    seen = seen[:MOST_DRAWN]
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(len(seen), network.config.latent_size, generator=random).to(run.device)
    choice = torch.rand(len(seen), generator=random).to(run.device)
    parts = zip(torch.split(noise, 64), torch.split(choice, 64), strict=True)
    drawn = torch.cat([network.decode(network.placed(*part)) for part in parts])
    features = fixed_features(run.device)
    realism = realism_measure(
        features.of(drawn), seen=features.of_bytes(seen), held_out=features.of_bytes(test)
    )
    return metrics | realism.metrics()
