"""What the metrics of a training are called."""

TITLES = {
    "loss": "Loss",
    "held_out_loss": "Held-out loss",
    "best_step": "Best step",
    "images_seen": "Pictures seen",
    "rebuilding_error": "Rebuilding: squared error",
    "rebuilding_psnr_db": "Rebuilding: PSNR, dB",
    "rebuilding_ssim": "Rebuilding: SSIM",
    "elbo_nats_per_dimension": "Evidence bound, nats per dimension",
    "kl_nats": "Divergence from the prior, nats",
    "fid_fixed_conv_v1": "FID (fixed network, v1)",
    "fid_fixed_conv_v1_real": "FID of real pictures",
    "kid_fixed_conv_v1": "KID (fixed network, v1)",
    "kid_fixed_conv_v1_real": "KID of real pictures",
    "nearest_training_ratio": "Distance to the nearest training picture",
    "variety": "Variety",
    "pictures_drawn": "Pictures drawn",
    "pictures_held_out": "Pictures held out",
}
