"""Read image files safely: upright, without transparency, and within a limit of size.

The result is a PIL image of mode RGB, 8 bits per channel. Files that are not images get a one-line
error.
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile, jpeg_factory
from PIL.TiffImagePlugin import TiffImageFile

from digits.errors import InputError
from digits.pictures.heif import open_avif, open_heic
from digits.pictures.jpeg import reduce_jpeg
from digits.pictures.signatures import (
    HEAD_BYTES,
    JPEG,
    RAW,
    describe_other,
    is_avif,
    is_heic,
)

# The formats of cameras, phones, scanners and drawing programs. Pillow reads about forty more, with
# code that few people maintain.
FORMATS = ("PNG", "JPEG", "WebP", "HEIC", "AVIF", "GIF", "BMP", "TIFF")
MAX_PIXELS = 64_000_000  # 200 MB when decoded; JPEG files may be larger (digits/pictures/jpeg.py)
MIN_SIDE = 8  # pixels of the longer side

# How to turn a picture upright, by the orientation in its EXIF data. Pillow's exif_transpose
# also writes the EXIF data back, and fails if any other entry of it is invalid.
TURNS: dict[Any, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Tags of TIFF files.
DNG_VERSION, NEW_SUBFILE_TYPE, SUB_IFDS = 50706, 254, 330

# Pillow warns of odd metadata, which is harmless, and of large sizes, which this module checks.
warnings.filterwarnings("ignore", module="PIL")


def read_picture(path: Path) -> Image.Image:
    """Return the picture in a file, RGB; raise InputError, which begins with the path."""
    try:
        with path.open("rb") as file:
            return decode_picture(file)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except InputError as error:
        raise InputError(f"{path} {error}") from None


def decode_picture(file: BinaryIO, formats: Sequence[str] = FORMATS) -> Image.Image:
    """Return the picture in a file's bytes: RGB, upright, and opaque.

    Of a large JPEG, the picture is smaller than the file says. Raises InputError if the bytes are
    not an image in one of the formats, are cut off, or would take too much memory. Its text
    continues a sentence that begins with "The file". The size is checked before any pixel is
    decoded.
    """
    if not file.seekable():  # a pipe
        file = io.BytesIO(file.read())
    head = file.read(HEAD_BYTES)
    file.seek(0)
    try:
        with open_picture(file, head, formats) as picture:
            if isinstance(picture, JpegImageFile):
                reduce_jpeg(picture)
            check_size(*picture.size)
            turn = TURNS.get(picture.getexif().get(ExifTags.Base.Orientation))
            return remove_transparency(picture if turn is None else picture.transpose(turn))
    except UnidentifiedImageError:
        expected = f"is not an image; expected {name_formats(formats)}"
        raise InputError(describe_other(head) or expected) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"is too large; expected at most {MAX_PIXELS:,} pixels") from None
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise anything on a damaged file
        raise InputError(f"is damaged or cut off: {' '.join(str(error).split())}") from None


def open_picture(file: BinaryIO, head: bytes, formats: Sequence[str]) -> Image.Image:
    """Return the picture in a file that begins with `head`, not decoded yet.

    Raises InputError on a camera raw file, of which Pillow would read the thumbnail.
    """
    if "JPEG" in formats and head.startswith(JPEG):
        return jpeg_factory(file)  # Image.open would refuse those of 179 million pixels or more
    if "HEIC" in formats and is_heic(head):
        return open_heic(file)
    if "AVIF" in formats and is_avif(head):
        return open_avif(file)
    others = [name.upper() for name in formats if name not in ("JPEG", "HEIC", "AVIF")]
    picture = Image.open(file, formats=others)
    if isinstance(picture, TiffImageFile) and is_raw(picture):
        raise InputError(RAW)
    return picture


def is_raw(picture: TiffImageFile) -> bool:
    """Return whether a TIFF file is a camera's: a DNG, or a thumbnail with more pictures below."""
    tags = picture.tag_v2
    is_thumbnail = tags.get(NEW_SUBFILE_TYPE, 0) & 1
    return DNG_VERSION in tags or bool(is_thumbnail and SUB_IFDS in tags)


def name_formats(formats: Sequence[str]) -> str:
    """Return the names of the formats in a sentence, as in "PNG, GIF or BMP"."""
    *first, last = formats
    return f"{', '.join(first)} or {last}" if first else last


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
    behind light ink. Otherwise only a border or a few holes are transparent, and they get the
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
    """Return a picture of 16 or 32 bits per pixel with its range scaled to 8 bits.

    Pillow would clip the range. Other pictures stay as they are.
    """
    if not picture.mode.startswith(("I", "F")):
        return picture
    levels = np.asarray(picture).astype(np.float64)
    low, high = np.nanmin(levels), np.nanmax(levels)
    scaled = 255 * (levels - low) / max(high - low, 1e-9)
    return Image.fromarray(np.nan_to_num(scaled).astype(np.uint8))
