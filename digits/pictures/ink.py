"""Where the ink is: a picture of a digit on paper of any colour and lighting, as ink from 0 to 1.

The steps: one grey value a pixel, along the direction of colour in which ink and paper differ most;
dark ink on light paper, decided by the rim of the picture, which is paper; the paper's brightness
behind the ink, by a morphological closing (the black top-hat transform: Soille, "Morphological
Image Analysis", 2003, 4.5), in which shading and shadows stay, as they are wider than a pen's
stroke; and a threshold with hysteresis (Canny, 1986) between paper and ink. Pictures are float32
(height, width, 3) from 0 to 1, maps (height, width).
"""

import numpy as np
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold, threshold_otsu

from digits.errors import InputError

SURROUNDINGS = 0.15  # of the longer side: standard deviation
COARSE = 4  # every fourth pixel either way is enough to tell ink from paper
SMOOTHING = 1.5  # pixels: the grain of paper and camera
ENOUGH = 0.8  # of what the greatest reach fills
REACHES = (1 / 10, 1 / 5, 2 / 5)  # of the longer side: strokes are narrower, shadows wider
MIN_CONTRAST = 0.08  # of the paper's brightness
MIN_SIGNAL_TO_NOISE = 6.0
BLANK = "is blank: no ink stands out from the paper"
LOW, HIGH = 0.4, 0.7  # hysteresis, from paper at 0 to ink at 1


def find_ink(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how much ink there is, float32 from 0, paper, to 1, and where there is ink, bool;
    raise InputError on a blank picture.
    """
    grey = ndimage.gaussian_filter(dark_on_light(picture), SMOOTHING)
    darkness = remove_shading(grey)
    paper, ink = levels(darkness)
    amount = (darkness - paper) / (ink - paper)
    return np.clip(amount, 0, 1).astype(np.float32), apply_hysteresis_threshold(amount, LOW, HIGH)


def dark_on_light(picture: np.ndarray) -> np.ndarray:
    """Return grey values from 0 to 1 in which ink is darker than the paper.

    Both show in how a pixel differs from the mean of its wide surroundings: the principal axis of
    these differences is the direction of colour from paper to ink, and the sum of their cubes tells
    on which side ink lies, as few pixels differ by much, which are ink, and many by little, which
    are paper. At the edge of a shadow the differences are as large on either side, and their cubes
    cancel out.
    """
    coarse = picture[::COARSE, ::COARSE]
    sigma = SURROUNDINGS * max(coarse.shape[:2])
    difference = (
        coarse - ndimage.gaussian_filter(coarse, (sigma, sigma, 0), mode="nearest")
    ).reshape(-1, 3)
    axis = np.linalg.eigh(difference.T @ difference)[1][:, -1]
    if ((difference @ axis) ** 3).sum() > 0:
        axis = -axis
    darkest, lightest = np.minimum(axis, 0).sum(), np.maximum(axis, 0).sum()  # of all colours
    return (picture @ axis - darkest) / (lightest - darkest)


def remove_shading(grey: np.ndarray) -> np.ndarray:
    """Return by what share of the paper's brightness each pixel is darker, whatever light falls on
    it.

    A closing fills whatever is darker than its surroundings and narrower than its reach. The least
    reach that fills nearly all that the greatest does is wider than the strokes and narrower than
    most shadows.
    """
    darkness = [black_top_hat(grey, max(3, round(reach * max(grey.shape)))) for reach in REACHES]
    threshold = threshold_otsu(darkness[-1])
    n_dark = [np.count_nonzero(of_reach > threshold) for of_reach in darkness]
    return next(
        of_reach for of_reach, n in zip(darkness, n_dark, strict=True) if n >= ENOUGH * n_dark[-1]
    )


def black_top_hat(grey: np.ndarray, reach: int) -> np.ndarray:
    """Return (closing - grey) / closing. Beyond the rim the picture goes on as it is there: a
    shadow that reaches the rim is no valley.
    """
    within = slice(reach, -reach)
    paper = ndimage.grey_closing(np.pad(grey, reach, mode="edge"), size=(reach, reach))[
        within, within
    ]
    return (paper - grey) / np.maximum(paper, 0.1)


def levels(darkness: np.ndarray) -> tuple[float, float]:
    """Return the darkness of paper and that of ink; raise InputError where nothing stands out from
    the paper and its grain.
    """
    threshold = threshold_otsu(darkness) if np.ptp(darkness) else 0.0
    dark, light = darkness[darkness > threshold], darkness[darkness <= threshold]
    if not dark.size:
        raise InputError(BLANK)
    ink, paper = np.percentile(dark, 60), np.median(light)
    noise = 1.4826 * np.median(np.abs(light - paper))  # the standard deviation, were it normal
    if ink - paper < max(MIN_CONTRAST, MIN_SIGNAL_TO_NOISE * noise):
        raise InputError(BLANK)
    return float(paper), float(ink)
