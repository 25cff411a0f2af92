"""What the metrics of a training are called."""

from modelmill_sdk.titles import REALISM

TITLES = {
    "loss": "Loss",
    "held_out_loss": "Held-out loss",
    "best_step": "Best step",
    "images_seen": "Pictures seen",
    "onnx_difference": "ONNX: largest difference",
    "onnx_size_bytes": "ONNX: bytes",
    "rebuilding_error": "Rebuilding: squared error",
    "rebuilding_psnr_db": "Rebuilding: PSNR, dB",
    "rebuilding_ssim": "Rebuilding: SSIM",
    "elbo_nats_per_dimension": "Evidence bound, nats per dimension",
    "kl_nats": "Divergence from the prior, nats",
    **REALISM,
}
