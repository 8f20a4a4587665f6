"""Picture files, read with care: upright, without transparency, no larger than needed, and an error
of one line for what is no picture.

What comes out is a PIL image of mode RGB, 8 bits a channel.
"""

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from digits.errors import InputError

# Those that cameras, phones, scanners and drawing programs write. Pillow knows some forty more,
# whose readers hardly anybody keeps an eye on.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
EXPECTED = "PNG, JPEG, WebP, GIF, BMP or TIFF"
MAX_PIXELS = 64_000_000  # they take 200 MB when decoded
MIN_SIDE = 8  # pixels, of the longer one

# Odd metadata, which does no harm; sizes are checked here.
warnings.filterwarnings("ignore", module="PIL")


def read_picture(path: Path) -> Image.Image:
    """Return the picture of a file, RGB; raise InputError, whose text begins with the path, where
    there is none.
    """
    try:
        with path.open("rb") as file:
            return decode_picture(file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def decode_picture(file: BinaryIO) -> Image.Image:
    """Return the picture in a file's bytes: RGB, upright as its EXIF data says, on paper where it
    was transparent.

    Raises InputError where the bytes are no picture, are cut off, or would take too much memory.
    The size is checked before any pixel is decoded.
    """
    try:
        with Image.open(file, formats=FORMATS) as picture:
            check_size(*picture.size)
            return without_transparency(ImageOps.exif_transpose(picture))
    except Image.UnidentifiedImageError:
        raise InputError(f"is no picture; expected {EXPECTED}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"is too large; expected at most {MAX_PIXELS:,} pixels") from None
    except InputError:
        raise
    except Exception as error:  # Pillow lets out whatever its decoders meet in a damaged file
        raise InputError(f"is damaged or cut off: {error}") from None


def check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(
            f"is too large: {width:,} x {height:,} pixels; expected at most {MAX_PIXELS:,} in all"
        )
    if max(width, height) < MIN_SIDE:
        raise InputError(
            f"is too small: {width} x {height} pixels; expected at least {MIN_SIDE} on the longer side"
        )


def without_transparency(picture: Image.Image) -> Image.Image:
    """Return the picture, RGB, on a plain background.

    Where most of it is transparent, what is not is ink: the background is white behind dark ink,
    black behind light. Else only its rim or a few holes are, and the background has the colour that
    is most common beside them.
    """
    if not picture.has_transparency_data:
        return to_8_bits(picture).convert("RGB")
    pixels = np.asarray(picture.convert("RGBA"))
    is_seen = pixels[..., 3] > 127
    seen = pixels[is_seen][:, :3] if is_seen.any() else np.full((1, 3), 255, np.uint8)
    colour = np.median(seen, axis=0)
    if is_seen.mean() < 0.5:
        colour = np.full(3, 255 if colour.mean() < 128 else 0)
    background = Image.new("RGBA", picture.size, (*(int(level) for level in colour), 255))
    return Image.alpha_composite(background, Image.fromarray(pixels)).convert("RGB")


def to_8_bits(picture: Image.Image) -> Image.Image:
    """Return a picture of 16 or 32 bits a pixel with its range scaled to 8 bits, and any other as
    it is: Pillow would clip it.
    """
    if not picture.mode.startswith(("I", "F")):
        return picture
    levels = np.asarray(picture).astype(np.float64)
    low, high = np.nanmin(levels), np.nanmax(levels)
    return Image.fromarray(
        np.nan_to_num(255 * (levels - low) / max(high - low, 1e-9)).astype(np.uint8)
    )
