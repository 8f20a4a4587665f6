"""The stand-in digits have MNIST's form, come from the seed alone, and are what their labels say."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from digits.datasets.synthetic import (
    ALLOGRAPHS,
    TEST_COUNTS,
    TRAIN_COUNTS,
    Allograph,
    choose_allographs,
    class_counts,
    draw_stand_in,
    spline,
    trace,
)

N_TRAIN, N_TEST = 4000, 1000


@pytest.fixture(scope="module")
def splits():
    return draw_stand_in(seed=0, n_train=N_TRAIN, n_test=N_TEST)


def test_splits_have_the_form_of_every_source(splits):
    for (images, labels), n in zip(splits, (N_TRAIN, N_TEST), strict=True):
        assert (images.shape, images.dtype, labels.shape, labels.dtype) == (
            (n, 28, 28),
            np.uint8,
            (n,),
            np.uint8,
        )
        assert images.min() == 0
        assert images.max() == 255


def test_same_seed_gives_the_same_bytes_and_another_seed_other_ones(splits):
    again, other = draw_stand_in(0, N_TRAIN, N_TEST), draw_stand_in(1, N_TRAIN, N_TEST)
    for (images, labels), (same_images, same_labels), (other_images, other_labels) in zip(
        splits, again, other, strict=True
    ):
        assert np.array_equal(images, same_images)
        assert np.array_equal(labels, same_labels)
        assert not np.array_equal(labels, other_labels)
        assert not {image.tobytes() for image in images} & {
            image.tobytes() for image in other_images
        }


def test_no_two_images_are_the_same_in_training_and_test_together(splits):
    assert len({image.tobytes() for images, _ in splits for image in images}) == N_TRAIN + N_TEST


def test_class_counts_are_mnists():
    assert tuple(class_counts(TRAIN_COUNTS, 60_000)) == TRAIN_COUNTS
    assert tuple(class_counts(TEST_COUNTS, 10_000)) == TEST_COUNTS


def test_fewer_images_keep_the_proportions_of_the_classes(splits):
    for (_, labels), published in zip(splits, (TRAIN_COUNTS, TEST_COUNTS), strict=True):
        # Rounding moves each end of a class by half an image at most.
        assert (
            np.abs(np.bincount(labels) - len(labels) * np.array(published) / sum(published)).max()
            <= 1
        )


def test_ink_just_fits_the_box_of_20_pixels(splits):
    for images, _ in splits:
        heights, widths = ((images.any(axis=axis) * np.arange(1, 29)) for axis in (2, 1))
        spans = np.stack(
            [
                ends.max(axis=1) - np.where(ends, ends, 99).min(axis=1) + 1
                for ends in (heights, widths)
            ]
        )
        assert (spans.max(axis=0) == 20).all()


def test_centre_of_mass_is_the_middle_pixel_as_in_mnist(splits):
    for images, _ in splits:
        ink = images / images.sum(axis=(1, 2), keepdims=True)
        for axis in (2, 1):
            # Half a pixel is what whole pixels leave; what else there is, comes of ink so uneven
            # that the box would leave the field.
            centres = ink.sum(axis=axis) @ np.arange(28)
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


@pytest.mark.parametrize(
    ("digit", "name"),
    [(digit, name) for digit, allographs in ALLOGRAPHS.items() for name in allographs],
)
def test_path_can_be_written(digit, name):
    allograph = ALLOGRAPHS[digit][name]
    assert allograph.share > 0
    assert all(len(stroke) > 1 for stroke in allograph.strokes)
    points = np.concatenate(allograph.strokes)
    assert np.ptp(points[:, 1]) > 0.7
    curve = trace(allograph, points[np.newaxis])[0]
    for point in points:
        # What is a point in the path is a point of the curve, to rounding.
        assert np.abs(curve - point).max(axis=1).min() < 1e-12


def test_spline_follows_a_straight_line_and_halves_a_turn():
    straight = spline(np.array([[[0, 0], [1, 2], [2, 4]]], float), np.array([2, 2]))
    assert np.allclose(straight[0, :, 1], 2 * straight[0, :, 0])
    # By hand, at t = 1/2: p = (-p0 + 9 p1 + 9 p2 - p3) / 16.
    turn = spline(np.array([[[0, 0], [0, 1], [1, 1], [1, 0]]], float), np.array([1, 2, 1]))
    assert turn[0, 2].tolist() == [0.5, 1.125]


def test_corner_stays_sharp():
    corner = Allograph(1, "0,0 0,5 0,10 0,10 5,10 10,10")
    curve = trace(corner, np.concatenate(corner.strokes)[np.newaxis])[0]
    assert ((curve[:, 0] == 0) | (curve[:, 1] == 1)).all()


def test_labels_say_what_the_images_show(splits):
    (images, labels), (test_images, test_labels) = (
        (images.reshape(len(images), -1) / 255, labels) for images, labels in splits
    )
    # Chance is 0.11: there, noise, blank images and shuffled labels stay. Measured: 0.80, of 1,000
    # images by other writers.
    assert KNeighborsClassifier(1).fit(images, labels).score(test_images, test_labels) > 0.7
