"""The split is seeded and stratified; every decision comes from the training samples."""

import numpy as np
import pytest

from digits.errors import InputError
from digits.preprocessing.apply import normalize
from digits.preprocessing.fit import (
    PART,
    PixelSums,
    find_kept_pixels,
    fit_normalization,
    fit_preprocessing,
    in_parts,
    split_train_validation,
    sum_pixels,
)
from digits.preprocessing.params import Preprocess


def test_split_is_disjoint_whole_and_stratified(generator):
    labels = np.repeat(np.arange(10), 60)
    train, validation = split_train_validation(labels, None, 100, seed=0)
    assert sorted([*train, *validation]) == list(range(600))
    assert np.bincount(labels[validation]).tolist() == [10] * 10


def test_split_depends_on_the_seed_alone():
    labels = np.repeat(np.arange(10), 60)
    first, again, other = (split_train_validation(labels, None, 100, seed)[1] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_train_size_takes_fewer():
    train, validation = split_train_validation(np.repeat(np.arange(10), 60), 200, 100, seed=0)
    assert (len(train), len(validation)) == (200, 100)
    assert not set(train) & set(validation)


@pytest.mark.parametrize(("train_size", "validation_size"), [(None, 600), (550, 100), (None, 3)])
def test_split_that_does_not_fit_is_an_input_error(train_size, validation_size):
    with pytest.raises(InputError, match=r"params\.yaml: preprocess"):
        split_train_validation(np.repeat(np.arange(10), 60), train_size, validation_size, seed=0)


def sums_of(images: np.ndarray) -> PixelSums:
    return sum_pixels(images, np.arange(len(images)))


def test_sums_do_not_depend_on_the_parts(generator):
    images = generator.integers(0, 256, (2 * PART + 50, 28, 28), dtype=np.uint8)
    samples = generator.permutation(len(images))[: PART + 20]
    chosen = images[samples].reshape(len(samples), -1).astype(np.int64)
    found = sum_pixels(images, samples)
    assert found.n_images == len(samples)
    assert np.array_equal(found.sums, chosen.sum(axis=0))
    assert np.array_equal(found.squares, (chosen**2).sum(axis=0))
    assert np.array_equal(np.concatenate(list(in_parts(images, samples))), images[samples])


def test_mean_std_and_variances_are_numpys(generator):
    images = generator.integers(0, 256, (500, 28, 28), dtype=np.uint8)
    assert fit_normalization("standardize", sums_of(images)) == pytest.approx(
        (images.mean(), images.std()), rel=1e-12
    )
    variances = (images.reshape(500, -1) / 255).var(axis=0)
    threshold = float(np.median(variances))  # of 784 values: between two of them
    assert (
        find_kept_pixels(sums_of(images), threshold)
        == np.flatnonzero(variances > threshold).tolist()
    )


def test_normalizations_have_the_ranges_they_promise(generator):
    images = generator.integers(0, 256, (50, 28, 28), dtype=np.uint8)
    images[0, 0, :2] = 0, 255
    for name, low, high in (("zero_one", 0, 1), ("minus_one_one", -1, 1)):
        normal = normalize(images, *fit_normalization(name, sums_of(images)))
        assert (normal.min(), normal.max(), normal.dtype) == (low, high, np.float32)
    normal = normalize(images, *fit_normalization("standardize", sums_of(images)))
    # float32 sums over 39,200 values
    assert normal.mean() == pytest.approx(0, abs=1e-5)
    assert normal.std() == pytest.approx(1, abs=1e-5)


def test_pixels_are_kept_by_their_variance():
    images = np.zeros((4, 28, 28), np.uint8)
    images[0, 0, 3] = 255  # variance 3/16 where ink counts from 0 to 1
    images[0, 1, 0] = 51  # 0.2 of full ink: variance 0.04 * 3/16 = 0.0075
    assert find_kept_pixels(sums_of(images), 0) == [3, 28]
    assert find_kept_pixels(sums_of(images), 0.01) == [3]
    with pytest.raises(InputError, match=r"prune_threshold is 0\.5"):
        find_kept_pixels(sums_of(images), 0.5)


def test_other_samples_decide_nothing(generator):
    options = Preprocess(
        normalization="standardize", prune_threshold=0.0, train_size=None, validation_size=1
    )
    images = generator.integers(0, 256, (6, 28, 28), dtype=np.uint8)
    samples, names = np.array([4, 0, 2]), list("0123456789")
    before = fit_preprocessing(options, "mnist", names, images, samples)
    images[[1, 3, 5]] = 255
    assert fit_preprocessing(options, "mnist", names, images, samples) == before
    assert before.mean == images[samples].mean()
    assert (before.dataset, before.class_names) == ("mnist", names)
