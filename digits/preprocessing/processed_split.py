"""Write a processed split: normalised float32 images (n, 28, 28), and labels, uint8 (n,)."""

from pathlib import Path

import numpy as np

from digits.base.files import write_array, write_array_in_parts
from digits.preprocessing.apply import Preprocessing, normalize
from digits.preprocessing.fit import in_parts


def write_processed_split(
    folder: Path,
    images: np.ndarray,
    labels: np.ndarray,
    samples: np.ndarray,
    preprocessing: Preprocessing,
) -> None:
    """Normalise these samples of the raw images, part by part, and write the split."""
    mean, std = preprocessing.mean, preprocessing.std
    normalized = (normalize(part, mean, std) for part in in_parts(images, samples))
    shape = (len(samples), *images.shape[1:])
    write_array_in_parts(folder / "images.npy", shape, "float32", normalized)
    write_array(folder / "labels.npy", labels[samples].astype(np.uint8))
