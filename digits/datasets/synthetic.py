"""The stand-in data set: digits drawn from models of pen strokes, for when MNIST cannot be had.
They come from the seed alone.

A digit is written in one of several ways, its allographs: strokes of a pen, each a smooth curve
through control points. Every writer has favourite allographs, a way of bending them, a slant, a pen
and proportions, and writes no digit twice the same. What is written is brought into MNIST's form,
as http://yann.lecun.com/exdb/mnist/ describes it: scaled to fit a box of 20 x 20 pixels, aspect
kept, with grey edges, and placed in a field of 28 x 28 by its centre of mass; training and test set
are by different writers. Shapes and spreads are estimates of how people write: nothing was fitted
to MNIST or to any other data set. Which allographs were missing or too rare, and which spreads too
narrow, was seen from what a network trained on these digits got wrong in MNIST's training set.

Control points are written x,y in tenths of a digit's height: x to the right, y down from the top at
0 to the base line at 10. Curves are (n, m, 2), in heights, then in pixels; n counts images, m the
points along the pen's way. They are float64: sin and exp differ in the last bits from processor to
processor, and in float32 a few grey values would too.
"""

from typing import NamedTuple

import numpy as np
from tqdm import tqdm

# Images of each digit in MNIST.
TRAIN_COUNTS = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
TEST_COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
FIELD, BOX = 28, 20


class Allograph(NamedTuple):
    """One way of writing a digit: how common it is, against the digit's other ones, and the path of
    the pen.

    A path is "x,y x,y ...". At a bar the pen is lifted; a point given twice is a corner.
    """

    share: float
    path: str

    @property
    def strokes(self) -> list[np.ndarray]:
        """The control points of each stroke, float64 (n_points, 2), in heights."""
        return [
            np.array([point.split(",") for point in stroke.split()], float) / 10
            for stroke in self.path.split("|")
        ]


ALLOGRAPHS: dict[int, dict[str, Allograph]] = {
    0: {
        "oval": Allograph(4, "3.2,0 1,1.5 0,5 1,8.6 3,10 5.2,8.6 6.2,5 5.2,1.5 3.2,0"),
        "circle": Allograph(3, "4.5,0.2 1.5,1.2 0,5 1.5,8.8 4.7,10 8,8.6 9,5 7.8,1.5 4.5,0.2"),
        "curl": Allograph(
            2, "6,1.4 3.5,0.6 1,2.5 0,6 1.2,9.2 3.8,10 6.2,7.8 6.8,4 5,0.6 2.6,0 2,1.4"
        ),
        "open": Allograph(1, "3.6,0.4 1.2,2 0,5.4 1,9 3.2,10 5.4,8.4 6.2,5 5.6,2 4.6,0.6"),
        "pointed": Allograph(1, "3.6,0 1.4,2.2 0,6 1,9.2 3.2,10 5.2,8.8 6,6 5.2,2.4 3.4,0"),
        "slashed": Allograph(
            0.4, "3.2,0 1,1.5 0,5 1,8.6 3,10 5.2,8.6 6.2,5 5.2,1.5 3.2,0 | 6.6,0.6 3.2,5 -0.4,9.6"
        ),
        "lead-out": Allograph(
            0.7, "3.8,1 1.4,1.6 0,5 0.8,8.8 3,10 5.4,8.4 6,5 5,2.2 3.4,1 4.4,0.2 6.2,0"
        ),
        "leaning": Allograph(2, "5.6,0.6 2.6,1.6 0.2,5 0.4,8.6 2.6,9.8 6,7.6 8,4 7.6,1.2 5.4,0.6"),
        "spiral": Allograph(
            0.7, "4.4,2.6 3,0.6 1,2.2 0,5.6 1,9 3.4,10 5.8,8.2 6.2,4.6 5,1.4 3,0 1.4,1"
        ),
    },
    1: {
        "bar": Allograph(6, "0,0 0,5 0,10"),
        "flag": Allograph(2, "0,2.4 1.2,1.3 2.2,0 2.2,0 2.2,5 2.2,10"),
        "flag and foot": Allograph(
            1.5, "0,2.2 1.2,1.2 2.4,0 2.4,0 2.4,5 2.4,9.8 | 0,10 2.4,9.9 5,9.8"
        ),
        "foot": Allograph(0.5, "2,0 2,5 2,9.8 | 0,10 2,9.9 4.2,9.8"),
        "long flag": Allograph(0.7, "0,5 1.6,2.6 2.6,0 2.6,0 2.6,5 2.6,10"),
    },
    2: {
        "angle": Allograph(3, "0,2.4 1,0.6 3,0 5,0.9 5.4,3 4,5.8 0,9.8 0,9.8 3.2,9.8 6.6,9.8"),
        "loop": Allograph(
            3, "0.4,2 2,0.3 4.2,0.4 5.2,2.8 4,6.2 1.8,9 0.3,9.6 0.2,8.2 2,8 4.4,9.4 6.8,9.6"
        ),
        "big loop": Allograph(
            1.5, "0.8,1.6 2.8,0 5,1 5,4 3.4,7.6 1.2,9.8 -0.4,8.8 0.6,7 2.8,7.6 4.6,9.6 7.2,9"
        ),
        "hook": Allograph(
            2, "1.2,2.6 0.4,1.8 1.6,0.3 4,0.2 5.4,2 4.6,5 2,8.2 0.6,9.6 1.6,9.8 4,9.4 6.4,9.6"
        ),
        "flat": Allograph(1, "0,0.8 2.4,0 5,0.8 5,2.8 2.4,6 0,8.8 0,8.8 3.6,9 7.4,9.8"),
        "drooping": Allograph(
            2, "0.4,1.8 2.2,0 4.6,0.6 5,3 3.2,6.4 1,8.6 -0.4,8.2 0.6,6.8 3,7.4 5,9 7,10"
        ),
        "wide loop": Allograph(
            2, "0.6,1.8 2.6,0 5,0.8 5.4,3.8 3.8,7.4 1.4,9.6 -0.6,9 -0.4,7 1.8,6.4 4,8.2 7.4,10"
        ),
        "round loop": Allograph(
            2.5, "0.6,2 2.6,0 5,1.2 5,4.4 4,7.6 1.6,8.8 0,7.4 1.4,6 3.6,7 5.6,9.2 7.4,10"
        ),
        "heel": Allograph(1, "0,2 1,0.4 2.6,0.4 3.2,2.6 2.6,6 1.8,9.4 1.8,9.4 4,9.6 6.6,9.2"),
        "inward curl": Allograph(
            1.5, "1.8,3 0.8,1.6 2.8,0 5.4,1.4 5.4,4.6 3.6,8 1,9.2 0,7.8 1.6,7 4,8.2 7,9.8"
        ),
    },
    3: {
        "round": Allograph(
            5, "0,1.6 2.4,0 4.8,1.4 4.4,3.6 2,4.7 2,4.7 4.8,5.6 5.6,7.8 3.2,10 0,8.8"
        ),
        "smooth": Allograph(2, "0.2,1 2.8,0 4.8,1.4 4,3.8 3.2,4.8 4.4,5.8 5.4,7.8 3.4,9.8 0,9.4"),
        "loop": Allograph(
            1.5, "0.2,1.2 2.8,0 4.8,1.6 3.4,4.2 1.6,5 1.4,4.2 3,4.4 5.2,6 5.4,8.4 3,10 0,9"
        ),
        "flat top": Allograph(1, "0,0.3 2.6,0.2 5.2,0 5.2,0 2.2,4 2.2,4 4.8,5 5.6,7.4 3.4,10 0,9"),
        "hooked": Allograph(
            2, "0,1.8 2.2,0 4.6,1.2 4.2,3.6 2,4.6 2,4.6 4.8,5.6 5.4,7.8 3.4,10 1,9.6 0,7.8"
        ),
        "long tail": Allograph(
            1, "0.6,1 2.8,0 4.6,1 4,3 2,4.2 2,4.2 4.2,5 4.6,7.2 2.4,9.2 -1.6,10"
        ),
        "cut": Allograph(
            1.5, "0,1.4 2.4,0 4.4,1.2 3,3.4 1.6,4.4 1.6,4.4 3.8,4.6 4.4,6.2 2.6,8.6 0.4,10"
        ),
        "serif": Allograph(
            1, "0,2.8 0.6,0.6 2.8,0 4.8,1.4 4,3.6 2.2,4.4 2.2,4.4 4.8,5.4 5.4,7.8 3.2,10 0.2,9"
        ),
    },
    4: {
        "open": Allograph(4, "0.8,0 0.2,3 0,5.8 0,5.8 3.2,5.8 6.2,5.6 | 5,0.3 4.8,5 4.6,10"),
        "cup": Allograph(3, "0.4,0 0,3 1.2,5.2 3.6,5 5.2,3.6 | 5.6,0 5.2,5 4.8,10"),
        "closed": Allograph(2, "4.6,0 2.2,3.2 0,6.4 0,6.4 3.4,6.5 7,6.3 | 4.6,0.2 4.6,5 4.6,10"),
        "one stroke": Allograph(1, "0.8,0.4 0,3.6 0.4,5.2 3,5 5,3 5.8,0.2 5.8,0.2 5.2,5 4.8,10"),
        "peaked": Allograph(0.5, "5,0.2 2.4,1.8 0.2,4.4 0.6,5.6 3,5.4 5.2,4.6 | 5.4,0 5,5 4.6,10"),
    },
    5: {
        "bar": Allograph(
            4,
            "1.4,0.2 1.1,2.2 0.8,4.4 0.8,4.4 3.2,3.8 5.4,5.6 5.2,8.4 3,10 0,9.2 | 1.4,0.2 3.8,0.1 6.4,0",
        ),
        "one stroke": Allograph(
            3, "6.2,0 3.8,0.1 1.4,0.4 1.4,0.4 0.8,4.2 0.8,4.2 3.2,3.8 5.2,5.6 5,8.4 2.8,10 0,9.2"
        ),
        "rounded": Allograph(2, "6,0.2 3.2,0.3 1.4,2 2.2,4.2 4.4,5.6 5.2,7.8 3.6,9.8 0,9.4"),
        "loose bar": Allograph(
            1, "1.2,1.4 0.8,3 0.8,4.8 3,4.6 4.8,6.2 4.6,8.8 2.4,10 0,9.4 | 2,0.8 4.8,0.4 7.6,0"
        ),
        "big bowl": Allograph(
            3, "5.6,0.2 3.4,0.2 1.6,0.4 1.6,0.4 1,3.4 1,3.4 4,3 6.4,5 6,8.4 3.2,10 0.6,9.2 -0.4,7.6"
        ),
        "long bar": Allograph(
            1, "2.2,2 1.6,3.6 1.2,5 1.2,5 3.4,5 4.4,7 3,9.4 0,10 | 2.2,2 5.6,1 9,0"
        ),
        "closed bowl": Allograph(
            1.5,
            "5.4,0 3.4,0.2 1.6,0.3 1.6,0.3 1,3.6 1,3.6 3.6,3.4 5.6,5.4 5,8.6 2.6,10 0.4,8.8 0.4,7 1.4,6.4",
        ),
    },
    6: {
        "straight": Allograph(3, "4.2,0 1.6,3.2 0,7 1.2,9.6 3.4,9.8 4.8,7.8 3.8,5.9 1.8,6.2 0.4,8"),
        "curved": Allograph(
            3, "4.8,0.4 2.4,1 0.6,4 0,7.2 1.4,9.8 4,9.6 5.2,7.4 4,5.6 1.8,6 0.4,7.8"
        ),
        "spiral": Allograph(1.5, "3.6,0 1.2,3 0,7 1.4,9.8 4.4,9.8 6,7.8 4.8,6.2 2.8,6.8 2.2,8.4"),
        "small loop": Allograph(1, "3,0 1,3.4 0,7.4 0.8,9.8 2.6,9.6 3.2,8 2,7 0.4,8.2"),
        "wide": Allograph(0.5, "6,0.4 2.8,1.8 0.4,5 0.6,8.6 3.6,10 6.6,8.8 6.4,6.4 4,5.6 1,7"),
        "round": Allograph(1.5, "2.6,0 0.8,2.6 0,6 1,9 4,10 7,8.6 7.6,6 5.4,4.6 3,5.6 2,8"),
        "unjoined": Allograph(1, "2.4,0 0.8,3 0,7 1.2,9.8 4,9.6 5.6,7.4 5,5.4 3.4,5.4 2.4,6.6"),
        "upright": Allograph(1, "1,0 0.4,3.4 0,7 1,9.6 3.6,9.8 5.4,7.8 4.4,5.6 2.2,5.4 0.4,7"),
    },
    7: {
        "plain": Allograph(5, "0,0.5 3,0.3 6,0 6,0 4.2,4.6 3,10"),
        "barred": Allograph(2.5, "0,0.5 3,0.3 6,0 6,0 4,4.8 2.8,10 | 1.6,5.2 3.8,5 6.2,4.8"),
        "serif": Allograph(1.5, "0,2.2 0.2,0.6 0.2,0.6 3.2,0.4 6,0 6,0 4.2,4.8 3.2,10"),
        "round": Allograph(2, "0,1.4 1.4,0.3 4,0 5.6,0.8 5.2,3.4 4,6.4 3.2,10"),
        "wave": Allograph(1, "0,1.6 0.6,0.4 2.4,0.4 4.2,0.9 6,0.2 6,0.2 4,5 2.4,10"),
        "wide": Allograph(1, "0,2 4.5,1 9,0.6 9,0.6 7,4 5.8,9"),
        "hooked": Allograph(1, "0.2,3.4 0.2,1.2 1.6,0.2 4,0.4 5.8,0.6 5.6,3 4.6,6.4 4.2,10"),
        "barred wave": Allograph(
            1.5, "0,1.8 0.6,0.4 2.4,0.3 4.2,0.8 6,0.2 6,0.2 4.2,5 3.2,10 | 1.6,5.6 3.8,5.2 6.4,4.6"
        ),
        "round back": Allograph(0.7, "0,1 3,0 6,1 6.6,4 5,7 2,9.6"),
    },
    8: {
        "s first": Allograph(
            5, "5.2,1.4 3,0 0.8,1.4 1.6,3.8 4,5.6 5.2,8 3,10 0.4,8.4 1.4,6 4,4.2 5.2,1.8"
        ),
        "open top": Allograph(
            2, "4.4,0.6 2.4,0 0.6,1.6 1.6,4 4,5.8 4.6,8.2 2.4,10 0.2,8.4 1.4,6 4,3.6 6.2,0.6"
        ),
        "two rings": Allograph(
            1,
            "3,0 1,0.8 0.6,2.6 2.8,4.6 5,2.8 4.8,0.9 3,0 | 3,4.6 0.6,6 0.4,8.4 2.8,10 5.2,8.4 5.2,6 3,4.6",
        ),
        "from the middle": Allograph(
            1,
            "2.8,4.6 0.8,3 1.4,0.6 3.6,0.2 5,1.8 3.8,4 1,6.4 0.6,8.8 2.8,10 4.8,8.4 4.2,6 2.4,4.4",
        ),
        "crossed": Allograph(
            2, "5.6,0.6 3,0 0.6,1.4 2,3.8 4.4,6 4.4,8.8 2,10 0.2,8.6 2,6 5,3 5.6,0.6"
        ),
        "narrow foot": Allograph(
            1.5, "5.4,1.4 3,0 0.8,1.4 1.8,3.6 3.6,5.6 4,8.2 3,10 1.8,8.6 2.4,6 4,4 5.4,1.6"
        ),
        "narrow head": Allograph(
            1, "4.2,1.2 3,0 2,1.2 2.4,3.2 4.4,5.6 5.6,8 3.2,10 0.4,8.6 1.4,6 3.4,3.8 4.2,1.6"
        ),
    },
    9: {
        "straight": Allograph(4, "5,1.6 3,0 0.8,1.2 0.2,3.8 2,5.2 4.4,3.8 5.2,1 5.2,1 5,5 4.6,10"),
        "slanted": Allograph(3, "4.8,1 2.6,0 0.4,1.8 0.4,4 2.4,4.8 4.6,3.2 4.9,1.2 4.8,4 4,7 3,10"),
        "curved": Allograph(
            2, "5,1.8 3,0 0.8,1.2 0.4,3.8 2.4,5 4.6,3.6 5.2,1.4 5.4,5 4.4,8.8 2.4,10 0.4,9"
        ),
        "bowl and stem": Allograph(
            1.5, "4.8,0.4 2.4,0.3 0.4,2 0.4,4.2 2.4,4.9 4.8,3.8 | 5,0 5,5 4.8,10"
        ),
        "loop": Allograph(1, "3.4,4.6 1,4.6 0,2.6 1.6,0.4 3.8,0.2 4.8,2.2 4.4,5.8 3,10"),
        "tail to the right": Allograph(
            1, "4.6,1.2 2.4,0.4 0.2,2 0.4,4.2 2.6,4.4 4.8,2 5,0 5,0 5.2,4 5.6,10"
        ),
        "wide bowl": Allograph(
            1.5, "6,1.4 3.2,0 0.4,1.6 0.4,4.2 3.2,5 6.2,3 6.4,1 6.4,1 5.6,5.4 4,10"
        ),
        "angular": Allograph(1.5, "5.4,0 2,1 0,3.8 0,3.8 2.6,4.2 5,2.6 5.4,0 5.4,0 4.6,4.6 3.6,10"),
        "open": Allograph(1.5, "6,0.6 3,0.4 0.4,2 0.6,4 3,4.4 5.4,3 5.4,3 4.8,6.4 4,10"),
    },
}


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
    # How far the middle sits below where it should, times four, in heights.
    "balance": Trait(0.0, 0.2, 0.15),
    "log_radius": Trait(-2.75, 0.32, 0.15),  # logarithm of the pen's radius, in heights
    "log_blur": Trait(0.15, 0.15, 0.1),  # logarithm of the width of the line's grey edge, in pixels
    # Logarithm of the noise in the place of the edge, in pixels.
    "log_grain": Trait(-2.7, 0.5, 0.3),
    # How much the radius varies along the pen's way, as a share of it.
    "unevenness": Trait(0.0, 0.1, 0.08),
}
IMAGES_PER_WRITER = 30
FAVOURITE_SHARE = 0.85  # of a writer's digits are in the writer's favourite allograph
POINT_SPREAD = Trait(0.0, 0.035, 0.02)  # of a control point, in heights
END_FACTOR = 1.6  # strokes differ most where they begin and end
STROKE_SPREAD = Trait(0.0, 0.02, 0.02)  # of a whole stroke, in heights
# The elastic distortion: sine waves; cycles in a height; heights.
N_WAVES, WAVE_FREQUENCY, WAVE_AMPLITUDE = 3, 0.7, 0.03
SPACING = 0.04  # of the points along the pen's way, in heights: 0.8 pixels, below the pen's width
BATCH = 256  # images at a time: the distances of a batch fit in a core's cache


def draw_stand_in(
    seed: int, n_train: int = 60_000, n_test: int = 10_000
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return (images, labels) for train and for test: uint8 (n, 28, 28), 0 is paper and 255 is ink;
    uint8 (n,), in MNIST's proportions.

    The same seed and numbers give the same bytes, on any number of cores. NumPy does not promise
    the same draws in all its versions.
    """
    with tqdm(
        total=n_train + n_test, desc="stand-in digits", unit="img", disable=None, leave=False
    ) as bar:
        train = draw_split(
            np.random.default_rng([seed, 0]), class_counts(TRAIN_COUNTS, n_train), bar
        )
        test = draw_split(np.random.default_rng([seed, 1]), class_counts(TEST_COUNTS, n_test), bar)
    return train, test


def class_counts(published: tuple[int, ...], n: int) -> np.ndarray:
    """Return how many of n images are of each class, in the published proportions; int64 (10,),
    with the sum n.
    """
    return np.diff(np.rint(np.cumsum((0, *published)) * n / sum(published)).astype(np.int64))


def draw_split(
    generator: np.random.Generator, counts: np.ndarray, bar: tqdm
) -> tuple[np.ndarray, np.ndarray]:
    """Return shuffled images and labels by writers of their own."""
    labels = generator.permutation(np.repeat(np.arange(10, dtype=np.uint8), counts))
    n_writers = -(-len(labels) // IMAGES_PER_WRITER)
    writers = generator.integers(n_writers, size=len(labels))
    traits = {name: draw_trait(generator, trait, writers) for name, trait in TRAITS.items()}
    images = np.empty((len(labels), FIELD, FIELD), np.uint8)
    for digit, allographs in ALLOGRAPHS.items():
        of_digit = np.flatnonzero(labels == digit)
        chosen = choose_allographs(generator, list(allographs.values()), writers[of_digit])
        for number, allograph in enumerate(allographs.values()):
            members = of_digit[chosen == number]
            points = draw_control_points(generator, allograph, writers[members])
            for start in range(0, len(members), BATCH):
                batch = slice(start, start + BATCH)
                own_traits = {name: values[members[batch]] for name, values in traits.items()}
                images[members[batch]] = write(generator, allograph, points[batch], own_traits)
                bar.update(len(members[batch]))
    return images, labels


def draw_trait(
    generator: np.random.Generator, trait: Trait, writers: np.ndarray, shape: tuple[int, ...] = ()
) -> np.ndarray:
    """Return the trait of each image, float64 (n, *shape): its mean, its writer's deviation and its
    own.
    """
    of_writer = generator.standard_normal((writers.max(initial=0) + 1, *shape))
    of_image = generator.standard_normal((len(writers), *shape))
    return trait.mean + trait.between * of_writer[writers] + trait.within * of_image


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
    """Return the allograph's control points, stroke after stroke, as each image has them; float64
    (n, n_points, 2), in heights.
    """
    strokes = allograph.strokes
    points = np.concatenate(strokes)
    of_points = draw_trait(generator, POINT_SPREAD, writers, points.shape)
    of_strokes = draw_trait(generator, STROKE_SPREAD, writers, (len(strokes), 2))
    is_end = np.concatenate(
        [np.isin(np.arange(len(stroke)), (0, len(stroke) - 1)) for stroke in strokes]
    )
    of_points[:, is_end] *= END_FACTOR
    # The second point of a corner goes with the first.
    mover = np.arange(len(points)) - is_repeated(points)
    return (
        points
        + of_points[:, mover]
        + np.repeat(of_strokes, [len(stroke) for stroke in strokes], axis=1)
    )


def is_repeated(points: np.ndarray) -> np.ndarray:
    """Return for each of the points (n_points, 2) whether it is the one before; bool (n_points,)."""
    return np.append(False, (np.diff(points, axis=0) == 0).all(axis=1))


def write(
    generator: np.random.Generator,
    allograph: Allograph,
    points: np.ndarray,
    traits: dict[str, np.ndarray],
) -> np.ndarray:
    """Return images, uint8 (n, 28, 28), of the allograph through the given control points."""
    curve = trace(allograph, points)
    radius = pen_radius(generator, curve.shape[1], traits)
    curve, radius = fit_in_box(deform(generator, curve, traits), radius)
    return place_in_field(rasterize(generator, curve, radius, traits))


def trace(allograph: Allograph, points: np.ndarray) -> np.ndarray:
    """Return the pen's way through control points (n, n_points, 2): curves (n, m, 2), smooth
    between corners and lifts of the pen.
    """
    lifts = np.cumsum([len(stroke) for stroke in allograph.strokes])[:-1]
    template = np.concatenate(allograph.strokes)
    ends = np.union1d(lifts, np.flatnonzero(is_repeated(template)))
    curves = []
    for of_template, of_images in zip(
        np.split(template, ends), np.split(points, ends, axis=1), strict=True
    ):
        lengths = np.linalg.norm(np.diff(of_template, axis=0), axis=1)
        curves.append(spline(of_images, np.ceil(lengths / SPACING).astype(int)))
    return np.concatenate(curves, axis=1)


def spline(points: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return Catmull-Rom curves (n, m, 2) through `points` (n, k, 2), with `steps` (k - 1,) from
    each point to the next.

    Between p1 and p2, with p0 before and p3 behind, t from 0 to 1:
    p = (2 p1 + (p2 - p0) t + (2 p0 - 5 p1 + 4 p2 - p3) t^2 + (3 p1 - p0 - 3 p2 + p3) t^3) / 2.
    An end is its own neighbour.
    """
    padded = np.concatenate([points[:, :1], points, points[:, -1:]], axis=1)
    pieces = []
    for i, n_steps in enumerate(steps):
        p0, p1, p2, p3 = (padded[:, i + j, None] for j in range(4))
        t = (np.arange(n_steps) / n_steps)[:, None]
        pieces.append(
            (
                2 * p1
                + (p2 - p0) * t
                + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
                + (3 * p1 - p0 - 3 * p2 + p3) * t**3
            )
            / 2
        )
    return np.concatenate([*pieces, points[:, -1:]], axis=1)


def pen_radius(
    generator: np.random.Generator, n_points: int, traits: dict[str, np.ndarray]
) -> np.ndarray:
    """Return the radius of the pen's line at each point of the curves, float64 (n, m), in heights."""
    n = len(traits["log_radius"])
    cycles, phase = generator.uniform(0.5, 3, (n, 1)), generator.uniform(0, 2 * np.pi, (n, 1))
    wave = np.sin(2 * np.pi * cycles * np.linspace(0, 1, n_points) + phase)
    return np.exp(traits["log_radius"])[:, None] * (1 + traits["unevenness"][:, None] * wave)


def deform(
    generator: np.random.Generator, curve: np.ndarray, traits: dict[str, np.ndarray]
) -> np.ndarray:
    """Return the curves (n, m, 2) with their writers' proportions, elastically distorted, slanted
    and turned about their centre.
    """
    of = {name: values[:, None] for name, values in traits.items()}
    x, y = curve[..., 0], curve[..., 1]
    x = (
        (x - x.mean(axis=1, keepdims=True))
        * np.exp(of["log_aspect"])
        * (1 + of["taper"] * (y - 0.5))
    )
    y = y - 0.5 + of["balance"] * y * (1 - y)
    for _ in range(N_WAVES):
        frequency, amplitude = (
            generator.normal(0, WAVE_FREQUENCY, (2, len(x), 1)),
            generator.normal(0, WAVE_AMPLITUDE, (2, len(x), 1)),
        )
        wave = np.sin(
            2 * np.pi * (frequency[0] * x + frequency[1] * y + generator.random((len(x), 1)))
        )
        x, y = x + amplitude[0] * wave, y + amplitude[1] * wave
    x = x - of["slant"] * y
    cosine, sine = np.cos(of["rotation"]), np.sin(of["rotation"])
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)


def fit_in_box(curve: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return curves and radii in pixels, such that the ink just fits in the box of 20 x 20,
    centred, with its aspect kept.
    """
    lowest = (curve - radius[..., None]).min(axis=1, keepdims=True)
    highest = (curve + radius[..., None]).max(axis=1, keepdims=True)
    scale = BOX / (highest - lowest).max(axis=2, keepdims=True)
    return (curve - (lowest + highest) / 2) * scale + BOX / 2, radius * scale[..., 0]


def rasterize(
    generator: np.random.Generator,
    curve: np.ndarray,
    radius: np.ndarray,
    traits: dict[str, np.ndarray],
) -> np.ndarray:
    """Return the ink of lines of the given radius (n, m) along the curves (n, m, 2): float64 (n,
    20, 20), from 0 to 1.

    A pixel's power with regard to a circle, distance^2 - radius^2, is negative inside it; the line
    is a circle at every point. The least power gives the signed distance to the line's edge, exact
    on the edge; ink falls off over about a pixel there.
    """
    centres = np.arange(BOX) + 0.5
    x_squared = ((centres - curve[..., 0, None]) ** 2).astype(np.float32)
    y_squared = ((centres - curve[..., 1, None]) ** 2 - radius[..., None] ** 2).astype(np.float32)
    power = np.full((len(curve), BOX, BOX), np.inf, np.float32)
    for i in range(curve.shape[1]):
        np.minimum(power, y_squared[:, i, :, None] + x_squared[:, i, None, :], out=power)
    mean_radius = radius.mean(axis=1)[:, None, None]
    distance = np.sqrt(np.maximum(power + mean_radius**2, 0)) - mean_radius
    grain, blur = (
        np.exp(traits["log_grain"])[:, None, None],
        np.exp(traits["log_blur"])[:, None, None],
    )
    distance += grain * generator.standard_normal(distance.shape)
    return np.clip(0.5 - distance / blur, 0, 1)


def place_in_field(ink: np.ndarray) -> np.ndarray:
    """Return images, uint8 (n, 28, 28), with the centre of mass of the ink (n, 20, 20) moved
    nearest to pixel (14, 14), as in MNIST.
    """
    places = np.arange(BOX)
    mass = ink.sum(axis=(1, 2))
    centres_of_mass = [(ink.sum(axis=axis) * places).sum(axis=1) / mass for axis in (2, 1)]
    top, left = (
        np.rint(FIELD / 2 - centre).astype(int).clip(0, FIELD - BOX)[:, None] + np.arange(BOX)
        for centre in centres_of_mass
    )
    images = np.zeros((len(ink), FIELD, FIELD), np.uint8)
    images[np.arange(len(ink))[:, None, None], top[:, :, None], left[:, None, :]] = np.rint(
        255 * ink
    ).astype(np.uint8)
    return images
