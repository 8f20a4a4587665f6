"""Read image files with care: upright, without transparency, and no larger than needed.

The result is a PIL image of mode RGB, 8 bits a channel. Files that are not images get an error of
one line.
"""

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from digits.errors import InputError

# What cameras, phones, scanners and drawing programs write. Pillow reads some forty more formats,
# and few people look after their readers.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
EXPECTED = "PNG, JPEG, WebP, GIF, BMP or TIFF"
MAX_PIXELS = 64_000_000  # they take 200 MB when decoded
MIN_SIDE = 8  # pixels, of the longer one

# They tell of odd metadata, which does no harm, and of sizes, which are checked here.
warnings.filterwarnings("ignore", module="PIL")


def read_picture(path: Path) -> Image.Image:
    """Return the picture in a file, RGB; raise InputError, whose text begins with the path."""
    try:
        with path.open("rb") as file:
            return decode_picture(file)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except InputError as error:
        raise InputError(f"{path} {error}") from None


def decode_picture(file: BinaryIO) -> Image.Image:
    """Return the picture in a file's bytes: RGB, upright as its EXIF data says, and opaque.

    Raises InputError, with a text that continues "The file …", if the bytes are not an image, are
    cut off, or would take too much memory. The size is checked before any pixel is decoded.
    """
    try:
        with Image.open(file, formats=FORMATS) as picture:
            check_size(*picture.size)
            return remove_transparency(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError:
        raise InputError(f"is not an image; expected {EXPECTED}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"is too large; expected at most {MAX_PIXELS:,} pixels") from None
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise anything on a damaged file
        raise InputError(f"is damaged or cut off: {error}") from None


def check_size(width: int, height: int) -> None:
    """Raise InputError if a picture of that size is too large or too small."""
    size = f"{width:,} x {height:,} pixels"
    if width * height > MAX_PIXELS:
        raise InputError(f"is too large: {size}; expected at most {MAX_PIXELS:,} in all")
    if max(width, height) < MIN_SIDE:
        raise InputError(f"is too small: {size}; expected at least {MIN_SIDE} on the longer side")


def remove_transparency(picture: Image.Image) -> Image.Image:
    """Return the picture, RGB, on a plain background.

    If most of it is transparent, the rest is ink: the background is white behind dark ink and black
    behind light ink. Otherwise the rim or a few holes are transparent, and the background has the
    median colour of the rest.
    """
    if not picture.has_transparency_data:
        return to_8_bits(picture).convert("RGB")
    pixels = np.asarray(picture.convert("RGBA"))
    is_opaque = pixels[..., 3] > 127
    opaque = pixels[is_opaque][:, :3] if is_opaque.any() else np.full((1, 3), 255, np.uint8)
    colour = np.median(opaque, axis=0)
    if is_opaque.mean() < 0.5:
        colour = np.full(3, 255 if colour.mean() < 128 else 0)
    background = Image.new("RGBA", picture.size, (*(int(level) for level in colour), 255))
    return Image.alpha_composite(background, Image.fromarray(pixels)).convert("RGB")


def to_8_bits(picture: Image.Image) -> Image.Image:
    """Return a picture of 16 or 32 bits a pixel with its range scaled to 8 bits.

    Pillow would clip it. Other pictures stay as they are.
    """
    if not picture.mode.startswith(("I", "F")):
        return picture
    levels = np.asarray(picture).astype(np.float64)
    low, high = np.nanmin(levels), np.nanmax(levels)
    scaled = 255 * (levels - low) / max(high - low, 1e-9)
    return Image.fromarray(np.nan_to_num(scaled).astype(np.uint8))
