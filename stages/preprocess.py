"""Preprocess: normalise the images, find the pixels to keep, and split.

Reads params.yaml and data/raw/. Writes data/processed/train/, validation/ and test/, normalised
float32 images with their labels, and preprocessing.json, the normalisation and the kept pixels.
Both are computed from the training split alone.
"""

from pathlib import Path

import numpy as np

from digits.base.files import read_split, write_json
from digits.base.params import load_global
from digits.datasets.raw_folder import read_names
from digits.errors import one_line_errors
from digits.preprocessing.fit import fit_preprocessing, split_train_validation
from digits.preprocessing.params import load_preprocess
from digits.preprocessing.processed_split import write_processed_split

RAW = Path("data/raw")
PROCESSED = Path("data/processed")


def main() -> None:
    options, seed = load_preprocess(), load_global("seed")
    images, labels = read_split(RAW / "train")
    test_images, test_labels = read_split(RAW / "test")
    names = read_names(RAW)
    train, validation = split_train_validation(
        labels, options.train_size, options.validation_size, seed
    )
    preprocessing = fit_preprocessing(options, names.dataset, names.class_names, images, train)
    test = np.arange(len(test_labels))
    for name, raw_images, raw_labels, samples in (
        ("train", images, labels, train),
        ("validation", images, labels, validation),
        ("test", test_images, test_labels, test),
    ):
        write_processed_split(PROCESSED / name, raw_images, raw_labels, samples, preprocessing)
    write_json(PROCESSED / "preprocessing.json", preprocessing.model_dump())
    counts = f"{len(train)} training, {len(validation)} validation and {len(test)} test images"
    print(f"{counts}; {len(preprocessing.kept_pixels)} of 784 pixels kept")


if __name__ == "__main__":
    with one_line_errors():
        main()
