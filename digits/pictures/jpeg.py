"""Decode large JPEG files at a reduced size, so that they take little memory.

A JPEG holds its picture in blocks of 8 x 8 pixels, by spatial frequency. libjpeg decodes the low
frequencies alone to 1/2, 1/4 or 1/8 of the size, and never holds the whole picture. A progressive
JPEG spreads each block over the file, so libjpeg holds the frequencies of all blocks at once.
"""

from PIL.JpegImagePlugin import JpegImageFile

from digits.errors import InputError
from digits.pictures.mnist_form import REDUCING_GAP, WORKING_SIDE

MAX_PIXELS = 256_000_000  # phones have up to 201 million
MAX_PROGRESSIVE_BYTES = 1_250_000_000  # 201 million pixels in three full colours take 1,208 MB
# Pixels of the longer side. The digit is searched in a third of it.
ENOUGH_SIDE = REDUCING_GAP * WORKING_SIDE


def reduce_jpeg(picture: JpegImageFile) -> None:
    """Let a JPEG that is not decoded yet be decoded at 1/2, 1/4 or 1/8 of its size.

    Its longer side keeps at least ENOUGH_SIDE pixels. Raises InputError if it is too large.
    """
    width, height = picture.size
    size = f"{width:,} x {height:,} pixels"
    if width * height > MAX_PIXELS:
        raise InputError(f"is too large: {size}; expected at most {MAX_PIXELS:,} in all")
    if count_progressive_bytes(picture) > MAX_PROGRESSIVE_BYTES:
        raise InputError(
            f"is too large for a progressive JPEG: {size}; scale it down, or save it as a "
            "baseline JPEG"
        )
    scale = max(width, height) // ENOUGH_SIDE
    if scale > 1:
        picture.draft(None, (max(1, width // scale), max(1, height // scale)))


def count_progressive_bytes(picture: JpegImageFile) -> int:
    """Return the memory that the frequencies of a progressive JPEG take; 0 for other JPEGs.

    Each takes two bytes. Colours may have fewer of them than the brightness has.
    """
    if "progressive" not in picture.info:
        return 0
    areas = [across * down for _, across, down, _ in picture.layer]
    return 2 * picture.width * picture.height * sum(areas) // max(areas)
