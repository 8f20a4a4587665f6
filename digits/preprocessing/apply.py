"""From raw images to what a network takes: normalised, and where it wants them, the pixels that
pruning left.

Raw images are uint8 (n, 28, 28), 0 is paper and 255 is ink. What to subtract, divide by and keep is
decided in `digits/preprocessing/fit.py`.
"""

import numpy as np

from digits.base.section import Section


class Preprocessing(Section):
    """What was decided on the training split, and what the images are. It travels with every model.

    normalised pixel = (raw pixel - mean) / std; kept_pixels are positions in the image flattened
    row by row, ascending.
    """

    dataset: str
    class_names: list[str]
    normalization: str
    mean: float
    std: float
    kept_pixels: list[int]


def normalize(images: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Return (images - mean) / std as float32, in the shape of `images`."""
    return (images.astype(np.float32) - np.float32(mean)) / np.float32(std)


def network_inputs(images: np.ndarray, kept_pixels: list[int] | None) -> np.ndarray:
    """Return normalised images as a network takes them: (n, 28, 28, 1), or (n, n_kept) where there
    are kept pixels.
    """
    if kept_pixels is None:
        return images[..., np.newaxis]
    return images.reshape(len(images), -1).take(kept_pixels, axis=1)
