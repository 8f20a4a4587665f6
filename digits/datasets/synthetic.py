"""Synthetic digits, which replace MNIST if it cannot be downloaded. They depend on the seed only.

Each digit has several allographs: the ways to write it. Every writer has favourite allographs, a
way of bending them, a slant, a pen and proportions. A writer's digits differ a little from each
other. Training and test set have different writers.

The spreads are estimates. Nothing was fitted to MNIST. A network trained on these digits made
errors on MNIST's training set. These errors showed which spreads were too narrow.

n is the number of images. Lengths are in units of digit height.
"""

from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from digits.datasets.allographs import ALLOGRAPHS, Allograph, is_repeated
from digits.datasets.pen_strokes import FIELD, render_digits
from digits.datasets.source import DIGIT_NAMES, TEST_COUNTS, TRAIN_COUNTS, Samples, Source


class Trait(NamedTuple):
    """A normally distributed property of the handwriting: its mean, its spread between writers and
    its spread within a writer's digits.
    """

    mean: float
    between: float
    within: float


TRAITS = {
    "slant": Trait(0.15, 0.22, 0.08),  # tangent; to the right is positive
    "rotation": Trait(0.0, 0.06, 0.07),  # radians
    "log_aspect": Trait(0.0, 0.22, 0.14),  # logarithm of a factor on the width
    # How much wider the base is than the top, as a share of the width.
    "taper": Trait(0.0, 0.2, 0.15),
    # How far the middle is below its usual place, times four, in heights.
    "balance": Trait(0.0, 0.2, 0.15),
    "log_radius": Trait(-2.75, 0.32, 0.15),  # logarithm of the pen's radius, in heights
    "log_blur": Trait(0.15, 0.15, 0.1),  # logarithm of the width of the line's grey edge, in pixels
    # Logarithm of the noise in the position of the edge, in pixels.
    "log_grain": Trait(-2.7, 0.5, 0.3),
    # How much the radius varies along the pen's path, as a share of the radius.
    "unevenness": Trait(0.0, 0.1, 0.08),
}
IMAGES_PER_WRITER = 30
FAVOURITE_SHARE = 0.85  # of a writer's digits have the writer's favourite allograph
POINT_SPREAD = Trait(0.0, 0.035, 0.02)  # of a control point, in heights
END_FACTOR = 1.6  # strokes differ most at their ends
STROKE_SPREAD = Trait(0.0, 0.02, 0.02)  # of a whole stroke, in heights
BATCH = 256  # images at a time: the distances of a batch fit in a core's cache


def make_synthetic_digits() -> Source:
    """Return the synthetic digits that replace MNIST: the same data set on every machine."""
    train, test = draw_synthetic_digits(seed=0)
    return Source(DIGIT_NAMES, {"train": train, "test": test})


def draw_synthetic_digits(
    seed: int, n_train: int = 60_000, n_test: int = 10_000
) -> tuple[Samples, Samples]:
    """Return (images, labels) for train and for test, in MNIST's proportions.

    Images are uint8 (n, 28, 28), 0 is background and 255 is ink; labels are uint8 (n,). The same
    seed and numbers give the same bytes, on any number of cores. NumPy does not promise the same
    draws in all its versions.
    """
    n_images, title = n_train + n_test, "synthetic digits"
    train_counts = class_counts(TRAIN_COUNTS, n_train)
    test_counts = class_counts(TEST_COUNTS, n_test)
    with tqdm(total=n_images, desc=title, unit="img", disable=None, leave=False) as bar:
        train = draw_split(np.random.default_rng([seed, 0]), train_counts, bar)
        test = draw_split(np.random.default_rng([seed, 1]), test_counts, bar)
    return train, test


def class_counts(published: tuple[int, ...], n: int) -> np.ndarray:
    """Return how many of n images are of each class, in the published proportions; int64 (10,)."""
    return np.diff(np.rint(np.cumsum((0, *published)) * n / sum(published)).astype(np.int64))


def draw_split(generator: np.random.Generator, counts: np.ndarray, bar: tqdm) -> Samples:
    """Return shuffled images and labels. The writers of a split write no other split."""
    labels = generator.permutation(np.repeat(np.arange(10, dtype=np.uint8), counts))
    n_writers = -(-len(labels) // IMAGES_PER_WRITER)
    writers = generator.integers(n_writers, size=len(labels))
    traits = {name: draw_trait(generator, trait, writers) for name, trait in TRAITS.items()}
    images = np.empty((len(labels), FIELD, FIELD), np.uint8)
    for digit, allographs in ALLOGRAPHS.items():
        digit_samples = np.flatnonzero(labels == digit)
        chosen = choose_allographs(generator, list(allographs.values()), writers[digit_samples])
        for number, allograph in enumerate(allographs.values()):
            samples = digit_samples[chosen == number]
            own_traits = {name: values[samples] for name, values in traits.items()}
            images[samples] = draw_images(generator, allograph, writers[samples], own_traits)
            bar.update(len(samples))
    return images, labels


def draw_images(
    generator: np.random.Generator,
    allograph: Allograph,
    writers: np.ndarray,
    traits: dict[str, np.ndarray],
) -> np.ndarray:
    """Return images, uint8 (n, 28, 28), of one allograph by the given writers (n,)."""
    points = draw_control_points(generator, allograph, writers)
    images = np.empty((len(writers), FIELD, FIELD), np.uint8)
    for start in range(0, len(writers), BATCH):
        batch = slice(start, start + BATCH)
        own_traits = {name: values[batch] for name, values in traits.items()}
        images[batch] = render_digits(generator, allograph, points[batch], own_traits)
    return images


def draw_trait(
    generator: np.random.Generator, trait: Trait, writers: np.ndarray, shape: tuple[int, ...] = ()
) -> np.ndarray:
    """Return each image's trait, float64 (n, *shape): mean, writer's deviation, own deviation."""
    by_writer = generator.standard_normal((writers.max(initial=0) + 1, *shape))
    by_image = generator.standard_normal((len(writers), *shape))
    values: np.ndarray = trait.mean + trait.between * by_writer[writers] + trait.within * by_image
    return values


def choose_allographs(
    generator: np.random.Generator, allographs: list[Allograph], writers: np.ndarray
) -> np.ndarray:
    """Return the number of each image's allograph, int64 (n,): mostly its writer's favourite."""
    shares = np.array([allograph.share for allograph in allographs], float)
    shares /= shares.sum()
    favourites = generator.choice(len(shares), writers.max(initial=0) + 1, p=shares)
    others = generator.choice(len(shares), len(writers), p=shares)
    return np.where(generator.random(len(writers)) < FAVOURITE_SHARE, favourites[writers], others)


def draw_control_points(
    generator: np.random.Generator, allograph: Allograph, writers: np.ndarray
) -> np.ndarray:
    """Return each image's own control points, float64 (n, n_points, 2), stroke after stroke."""
    strokes = allograph.strokes
    points = np.concatenate(strokes)
    point_shifts = draw_trait(generator, POINT_SPREAD, writers, points.shape)
    stroke_shifts = draw_trait(generator, STROKE_SPREAD, writers, (len(strokes), 2))
    is_end = np.concatenate(
        [np.isin(np.arange(len(stroke)), (0, len(stroke) - 1)) for stroke in strokes]
    )
    point_shifts[:, is_end] *= END_FACTOR
    # The second point of a corner moves with the first.
    mover = np.arange(len(points)) - is_repeated(points)
    n_points = [len(stroke) for stroke in strokes]
    stroke_shifts = np.repeat(stroke_shifts, n_points, axis=1)
    moved: np.ndarray = points + point_shifts[:, mover] + stroke_shifts
    return moved
