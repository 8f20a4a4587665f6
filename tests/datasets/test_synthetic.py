"""Synthetic digits have MNIST's form, come from the seed alone, and show what their labels say."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from digits.datasets.allographs import ALLOGRAPHS
from digits.datasets.source import TEST_COUNTS, TRAIN_COUNTS
from digits.datasets.synthetic import choose_allographs, class_counts, draw_synthetic_digits

N_TRAIN, N_TEST = 4000, 1000


@pytest.fixture(scope="module")
def splits():
    return draw_synthetic_digits(0, N_TRAIN, N_TEST)


def test_splits_have_the_form_of_every_source(splits):
    for (images, labels), n in zip(splits, (N_TRAIN, N_TEST), strict=True):
        assert (images.shape, images.dtype) == ((n, 28, 28), np.uint8)
        assert (labels.shape, labels.dtype) == ((n,), np.uint8)
        assert images.min() == 0
        assert images.max() == 255


def test_same_seed_gives_the_same_bytes(splits):
    again = draw_synthetic_digits(0, N_TRAIN, N_TEST)
    for (images, labels), (same_images, same_labels) in zip(splits, again, strict=True):
        assert np.array_equal(images, same_images)
        assert np.array_equal(labels, same_labels)


def test_another_seed_gives_other_images(splits):
    other = draw_synthetic_digits(1, N_TRAIN, N_TEST)
    for (images, labels), (other_images, other_labels) in zip(splits, other, strict=True):
        assert not np.array_equal(labels, other_labels)
        assert not bytes_of(images) & bytes_of(other_images)


def bytes_of(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_no_image_comes_twice(splits):
    (train, _), (test, _) = splits
    assert len(bytes_of(train) | bytes_of(test)) == N_TRAIN + N_TEST


def test_class_counts_are_mnists():
    assert tuple(class_counts(TRAIN_COUNTS, 60_000)) == TRAIN_COUNTS
    assert tuple(class_counts(TEST_COUNTS, 10_000)) == TEST_COUNTS


def test_fewer_images_keep_the_classes_proportions(splits):
    for (_, labels), published in zip(splits, (TRAIN_COUNTS, TEST_COUNTS), strict=True):
        expected = len(labels) * np.array(published) / sum(published)
        # Rounding moves each end of a class by at most half an image.
        assert np.abs(np.bincount(labels) - expected).max() <= 1


def test_ink_just_fits_the_box_of_20_pixels(splits):
    for images, _ in splits:
        spans = np.stack([count_span(images.any(axis=axis)) for axis in (1, 2)])
        assert (spans.max(axis=0) == 20).all()


def count_span(has_ink: np.ndarray) -> np.ndarray:
    """Return how far it is from the first to the last True in each row of (n, 28)."""
    first = has_ink.argmax(axis=1)
    last = has_ink.shape[1] - 1 - has_ink[:, ::-1].argmax(axis=1)
    return last - first + 1


def test_centre_of_mass_is_the_middle_pixel(splits):
    for images, _ in splits:
        ink = images / images.sum(axis=(1, 2), keepdims=True)
        for axis in (2, 1):
            centres = ink.sum(axis=axis) @ np.arange(28)
            # Whole pixels leave half a pixel. The rest is ink so uneven that a centred box would
            # leave the field.
            assert np.abs(centres - 14).max() < 1
            assert abs(centres.mean() - 14) < 0.05


def test_share_of_ink_is_that_of_a_pens_line(splits):
    for images, _ in splits:
        shares = images.mean(axis=(1, 2)) / 255
        assert shares.min() > 0.01
        assert shares.max() < 0.5


@pytest.mark.parametrize("digit", ALLOGRAPHS)
def test_every_allograph_of_a_digit_is_written(digit, generator):
    allographs = list(ALLOGRAPHS[digit].values())
    chosen = choose_allographs(generator, allographs, generator.integers(200, size=6000))
    assert set(chosen) == set(range(len(allographs)))


def test_writers_keep_to_their_favourites(generator):
    writers = np.repeat(np.arange(100), 50)
    chosen = choose_allographs(generator, list(ALLOGRAPHS[0].values()), writers).reshape(100, 50)
    assert np.mean([np.bincount(row).max() / 50 for row in chosen]) > 0.8


def test_labels_say_what_the_images_show(splits):
    (images, labels), (test_images, test_labels) = splits
    classifier = KNeighborsClassifier(1).fit(as_rows(images), labels)
    # Measured: 0.80, on 1,000 images by other writers. Chance is 0.11: noise, blank images and
    # shuffled labels stay there.
    assert classifier.score(as_rows(test_images), test_labels) > 0.7


def as_rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / 255
