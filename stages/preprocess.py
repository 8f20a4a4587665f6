"""Normalise the images, find the pixels to keep, and split.

Reads params.yaml and data/raw/; writes data/processed/train/, validation/ and test/, normalised float32 images, and
preprocessing.json, what was decided. Nothing is learnt from any but the training split.
"""

from pathlib import Path

from digits.data.inputs import Preprocessing, normalize
from digits.data.preprocessing import find_kept_pixels, fit_normalization, split_train_validation
from digits.errors import one_line_errors
from digits.files import read_json, read_split, write_json, write_split
from digits.params import load_params

RAW = Path("data/raw")
PROCESSED = Path("data/processed")


def main() -> None:
    params = load_params()
    options = params.preprocess
    images, labels = read_split(RAW / "train")
    train, validation = split_train_validation(labels, options.train_size, options.validation_size, params.seed)
    mean, std = fit_normalization(options.normalization, images[train])
    preprocessing = Preprocessing(
        **read_json(RAW / "dataset.json"),
        normalization=options.normalization,
        mean=mean,
        std=std,
        kept_pixels=find_kept_pixels(images[train], options.prune_threshold),
    )
    test_images, test_labels = read_split(RAW / "test")
    for name, split_images, split_labels in (
        ("train", images[train], labels[train]),
        ("validation", images[validation], labels[validation]),
        ("test", test_images, test_labels),
    ):
        write_split(PROCESSED / name, normalize(split_images, mean, std), split_labels)
    write_json(PROCESSED / "preprocessing.json", preprocessing.model_dump())
    print(
        f"{len(train)} training, {len(validation)} validation and {len(test_labels)} test images; {len(preprocessing.kept_pixels)} of 784 pixels kept"
    )


if __name__ == "__main__":
    with one_line_errors():
        main()
