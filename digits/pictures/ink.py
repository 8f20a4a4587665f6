"""Find the ink in a picture of a digit, on a background of any colour and lighting.

The steps:

1. Reduce colour to one grey value per pixel, with dark ink on a light background. The grey axis is
   the direction of colour along which ink and background differ most.
2. Remove the background's shading by a morphological closing (the black top-hat transform: Soille,
   "Morphological Image Analysis", 2003, 4.5). Shading and shadows are wider than a pen's stroke, so
   the closing leaves them in the background.
3. Separate ink from background by a threshold with hysteresis (Canny, 1986).

Pictures are float32 (height, width, 3) from 0 to 1, maps (height, width). Lengths are in pixels, or
shares of the picture's longer side.
"""

import numpy as np
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold, threshold_otsu

from digits.errors import InputError

SURROUNDINGS = 0.15  # share: standard deviation of the Gaussian over a pixel's surroundings
COARSE = 4  # every fourth row and column is enough to tell ink from background
SMOOTHING = 1.5  # pixels: the grain of paper and camera
REACHES = (1 / 10, 1 / 5, 2 / 5)  # shares; sizes of the closing, between strokes and shadows
ENOUGH = 0.8  # of the dark pixels at the greatest reach
MIN_CONTRAST = 0.08  # of the background's brightness
MIN_SIGNAL_TO_NOISE = 6.0
BLANK = "is blank: no ink stands out from the background"
LOW, HIGH = 0.4, 0.7  # hysteresis: 0 is background, 1 is ink


def find_ink(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how much ink each pixel has, float32 from 0 to 1, and whether it is ink, bool.

    Raises InputError on a blank picture.
    """
    grey = ndimage.gaussian_filter(dark_on_light(picture), SMOOTHING)
    darkness = remove_shading(grey)
    background, ink = find_levels(darkness)
    amount = (darkness - background) / (ink - background)
    return np.clip(amount, 0, 1).astype(np.float32), apply_hysteresis_threshold(amount, LOW, HIGH)


def dark_on_light(picture: np.ndarray) -> np.ndarray:
    """Return grey values from 0 to 1 in which ink is darker than the background.

    Each pixel's colour is compared with the mean of its wide surroundings. The principal axis of
    the differences is the direction of colour from background to ink. The sign of the sum of their
    cubes shows on which side the ink is. Few pixels are ink, and they differ by much. Many are
    background, and they differ by little. At the edge of a shadow, both sides differ equally, and
    their cubes cancel out.
    """
    coarse = picture[::COARSE, ::COARSE]
    sigma = SURROUNDINGS * max(coarse.shape[:2])
    surroundings = ndimage.gaussian_filter(coarse, (sigma, sigma, 0), mode="nearest")
    difference = (coarse - surroundings).reshape(-1, 3)
    axis: np.ndarray = np.linalg.eigh(difference.T @ difference)[1][:, -1]
    if ((difference @ axis) ** 3).sum() > 0:
        axis = -axis
    darkest, lightest = np.minimum(axis, 0).sum(), np.maximum(axis, 0).sum()  # of all colours
    grey: np.ndarray = (picture @ axis - darkest) / (lightest - darkest)
    return grey


def remove_shading(grey: np.ndarray) -> np.ndarray:
    """Return how much darker each pixel is, as a share of the background's brightness there.

    A closing fills dark areas that are narrower than its reach. The smallest reach that finds
    nearly as many dark pixels as the greatest is used. It is wider than the strokes and narrower
    than most shadows.
    """
    longer_side = max(grey.shape)
    maps = [black_top_hat(grey, max(3, round(reach * longer_side))) for reach in REACHES]
    threshold = threshold_otsu(maps[-1])
    n_dark = [np.count_nonzero(darkness > threshold) for darkness in maps]
    enough = ENOUGH * n_dark[-1]
    return next(darkness for darkness, n in zip(maps, n_dark, strict=True) if n >= enough)


def black_top_hat(grey: np.ndarray, reach: int) -> np.ndarray:
    """Return (closing - grey) / closing.

    The picture is padded with its border pixels, so a shadow at the border is not filled.
    """
    inside = slice(reach, -reach)
    padded = np.pad(grey, reach, mode="edge")
    background = ndimage.grey_closing(padded, size=(reach, reach))[inside, inside]
    darkness: np.ndarray = (background - grey) / np.maximum(background, 0.1)
    return darkness


def find_levels(darkness: np.ndarray) -> tuple[float, float]:
    """Return the darkness of the background and that of the ink.

    Raises InputError if nothing stands out from the background and its grain.
    """
    threshold = threshold_otsu(darkness) if np.ptp(darkness) else 0.0
    dark, light = darkness[darkness > threshold], darkness[darkness <= threshold]
    if not dark.size:
        raise InputError(BLANK)
    ink, background = np.percentile(dark, 60), np.median(light)
    # The standard deviation, if the noise is normal.
    noise = 1.4826 * np.median(np.abs(light - background))
    if ink - background < max(MIN_CONTRAST, MIN_SIGNAL_TO_NOISE * noise):
        raise InputError(BLANK)
    return float(background), float(ink)
