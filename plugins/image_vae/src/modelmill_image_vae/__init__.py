"""Learn what a set of pictures has in common: rebuild, draw and blend them."""
