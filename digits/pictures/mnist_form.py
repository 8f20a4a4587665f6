"""Convert a picture of a digit to MNIST's form.

MNIST's form is described at http://yann.lecun.com/exdb/mnist/. A digit with grey edges is scaled to
fit a box of 20 x 20 pixels, with its aspect kept. The box is placed in a field of 28 x 28 pixels,
with the centre of mass of the ink in the middle. Ink maps are float32 (height, width); 0 is
background, 1 is ink.
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
WORKING_SIDE = 600  # pixels: the longer side of the picture while the digit is searched
# A picture is first reduced fast to this many times the size that it is then resampled to.
REDUCING_GAP = 3
# The least width of a stroke, in pixels of the box. In MNIST's test set, 90 % of the images have a
# width, ink divided by stroke length, of 1.7 to 4.4.
MIN_STROKE = 2.0


def to_mnist_form(picture: Image.Image) -> np.ndarray:
    """Return the digit in an RGB picture as uint8 (28, 28): 0 is background, 255 is ink.

    The picture may have any size, any margin and uneven light. The digit may be dark on light or
    light on dark, in any place. Raises InputError if there is no ink or more than one digit. Its
    text continues a sentence that begins with "The picture".
    """
    ink, is_ink = find_ink(crop_to_sheet(to_working_size(picture)))
    is_digit = find_digit(is_ink)
    rows, columns = (np.flatnonzero(is_digit.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    digit = np.where(ndimage.binary_dilation(is_digit[box], iterations=2), ink[box], 0)
    return place_in_field(fit_in_box(thicken(digit, is_digit[box])))


def to_working_size(picture: Image.Image) -> np.ndarray:
    """Return the picture, scaled to WORKING_SIDE, as float32 (height, width, 3) from 0 to 1.

    Raises InputError if it is too narrow to hold a digit.
    """
    scale = WORKING_SIDE / max(picture.size)
    width, height = (round(scale * side) for side in picture.size)
    if min(width, height) < BOX:
        aspect = max(picture.size) // min(picture.size)
        raise InputError(
            f"is a narrow strip, {aspect:,} times as long as wide; expected a picture of one digit"
        )
    resized = picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP)
    return np.asarray(resized, np.float32) / 255


def thicken(ink: np.ndarray, is_ink: np.ndarray) -> np.ndarray:
    """Return the ink with strokes that are at least MIN_STROKE wide after scaling to the box.

    Thinner strokes would be too pale there.
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
    """Return the ink scaled to the box along its longer side, with its aspect kept.

    Each pixel is the mean of the area that it covers.
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
