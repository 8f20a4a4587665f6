"""MNIST's form: a digit as the data set has it, from any picture of one.

As http://yann.lecun.com/exdb/mnist/ describes it: scaled to fit a box of 20 x 20 pixels, aspect
kept, with grey edges, and placed in a field of 28 x 28 by its centre of mass. Ink maps are float32
(height, width); 0 is background, 1 is ink.
"""

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.morphology import skeletonize

from digits.errors import InputError
from digits.pictures.components import find_digit
from digits.pictures.ink import find_ink
from digits.pictures.sheet import crop_to_sheet

FIELD, BOX = 28, 20
WORKING_SIDE = 600  # pixels: the longer side of the picture in which ink is looked for
# Pixels of the box. In MNIST's test set, ink over length of the stroke is 1.7 to 4.4 in nine images
# of ten.
MIN_STROKE = 2.0


def to_mnist_form(picture: Image.Image) -> np.ndarray:
    """Return the digit in an RGB picture as uint8 (28, 28): 0 is background, 255 is ink.

    The picture may have any size, any margin and uneven light. The digit may be dark on light or
    light on dark, in any place. Raises InputError, with a text that continues "The picture …", if
    there is no ink or more than one digit.
    """
    ink, is_ink = find_ink(crop_to_sheet(to_working_size(picture)))
    is_digit = find_digit(is_ink)
    rows, columns = (np.flatnonzero(is_digit.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    digit = np.where(ndimage.binary_dilation(is_digit[box], iterations=2), ink[box], 0)
    return place_in_field(fit_in_box(thicken(digit, is_digit[box])))


def to_working_size(picture: Image.Image) -> np.ndarray:
    """Return the picture, scaled to WORKING_SIDE, as float32 (height, width, 3) from 0 to 1."""
    scale = WORKING_SIDE / max(picture.size)
    width, height = (round(scale * side) for side in picture.size)
    if min(width, height) < BOX:
        size = f"{picture.width:,} x {picture.height:,} pixels"
        raise InputError(f"is a strip of {size}; expected a picture of a digit")
    resized = picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3)
    return np.asarray(resized, np.float32) / 255


def thicken(ink: np.ndarray, is_ink: np.ndarray) -> np.ndarray:
    """Return the ink with strokes no thinner than MIN_STROKE once they are in the box.

    The strokes of a fine pen would be too pale there.
    """
    width = is_ink.sum() / max(1, int(skeletonize(is_ink).sum()))
    missing = MIN_STROKE * max(ink.shape) / BOX - width
    if missing < 1:
        return ink
    radius = int(np.ceil(missing / 2))
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disc = x * x + y * y <= (missing / 2) ** 2
    thickened: np.ndarray = ndimage.grey_dilation(np.pad(ink, radius), footprint=disc)
    return thickened


def fit_in_box(ink: np.ndarray) -> np.ndarray:
    """Return the ink scaled so that its longer side is the box's, aspect kept.

    Each pixel is the mean of what it covers.
    """
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BOX))
    scaled: np.ndarray = np.clip(small / np.percentile(small[small > 0.1], 95), 0, 1)
    return scaled


def place_in_field(ink: np.ndarray) -> np.ndarray:
    """Return uint8 (28, 28) with the ink's centre of mass nearest to pixel (14, 14), as in MNIST.

    The ink is moved by whole pixels.
    """
    height, width = ink.shape
    y, x = ndimage.center_of_mass(ink)
    wanted = np.rint([FIELD / 2 - y, FIELD / 2 - x])
    top, left = np.clip(wanted, 0, [FIELD - height, FIELD - width]).astype(int)
    field = np.zeros((FIELD, FIELD), np.uint8)
    field[top : top + height, left : left + width] = np.rint(255 * ink)
    return field
