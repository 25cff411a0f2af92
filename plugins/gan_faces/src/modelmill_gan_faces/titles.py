"""What the metrics of a training are called."""

TITLES = {
    "generator_loss": "Generator loss",
    "discriminator_loss": "Discriminator loss",
    "variety_of_samples": "Variety of samples",
    "images_seen": "Pictures seen",
    "fid_fixed_conv_v1": "FID (fixed network, v1)",
    "fid_fixed_conv_v1_real": "FID of real pictures",
    "kid_fixed_conv_v1": "KID (fixed network, v1)",
    "kid_fixed_conv_v1_real": "KID of real pictures",
    "nearest_training_ratio": "Distance to the nearest training picture",
    "variety": "Variety",
    "pictures_drawn": "Pictures drawn",
    "pictures_held_out": "Pictures held out",
}
