"""Normalise the images, find the pixels to keep, and split.

Reads params.yaml and data/raw/; writes data/processed/train/, validation/ and test/, normalised
float32 images, and preprocessing.json, what was decided. Nothing is learnt from any but the
training split.
"""

from pathlib import Path

import numpy as np

from digits.base.files import read_json, read_split, write_array, write_array_in_parts, write_json
from digits.errors import one_line_errors
from digits.preprocessing.apply import Preprocessing, normalize
from digits.preprocessing.fit import (
    find_kept_pixels,
    fit_normalization,
    in_parts,
    split_train_validation,
    sum_pixels,
)
from digits.training.params import load_params

RAW = Path("data/raw")
PROCESSED = Path("data/processed")


def main() -> None:
    params = load_params()
    options = params.preprocess
    images, labels = read_split(RAW / "train")
    train, validation = split_train_validation(
        labels, options.train_size, options.validation_size, params.seed
    )
    pixels = sum_pixels(images, train)
    mean, std = fit_normalization(options.normalization, pixels)
    preprocessing = Preprocessing(
        **read_json(RAW / "dataset.json"),
        normalization=options.normalization,
        mean=mean,
        std=std,
        kept_pixels=find_kept_pixels(pixels, options.prune_threshold),
    )
    test_images, test_labels = read_split(RAW / "test")
    for name, raw_images, raw_labels, samples in (
        ("train", images, labels, train),
        ("validation", images, labels, validation),
        ("test", test_images, test_labels, np.arange(len(test_labels))),
    ):
        normalized = (normalize(part, mean, std) for part in in_parts(raw_images, samples))
        write_array_in_parts(
            PROCESSED / name / "images.npy",
            (len(samples), *raw_images.shape[1:]),
            "float32",
            normalized,
        )
        write_array(PROCESSED / name / "labels.npy", raw_labels[samples].astype(np.uint8))
    write_json(PROCESSED / "preprocessing.json", preprocessing.model_dump())
    print(
        f"{len(train)} training, {len(validation)} validation and {len(test_labels)} test images; {len(preprocessing.kept_pixels)} of 784 pixels kept"
    )


if __name__ == "__main__":
    with one_line_errors():
        main()
