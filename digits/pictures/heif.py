"""Open HEIC and AVIF files, the pictures of phones.

Both are in a container that says how to turn and mirror the picture (ISO/IEC 23008-12, `irot` and
`imir`). It alone counts: EXIF and XMP data may say the same again, or what was true before an edit.
Of several pictures, the container names the primary one.
"""

import io
import re
from typing import IO

from PIL import Image, features
from PIL.AvifImagePlugin import AvifImageFile

from digits.errors import InputError

# The type of an item: after `infe`, its version, flags, number (2 or 4 bytes) and protection.
EXIF_ITEM = re.compile(rb"(infe.{8}|infe.{10})Exif", re.DOTALL)


def open_heic(file: IO[bytes]) -> Image.Image:
    """Return the primary picture of a HEIC file: upright, and without the tags to turn it by.

    Its pixels are not decoded yet. Raises InputError if the package that reads it is missing.
    """
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise InputError(
            "is a HEIC picture; run `pip install pillow-heif` to read it, or save it as JPEG"
        ) from None
    picture: Image.Image = HeifImageFile(file)
    # libheif has applied what the container says.
    picture.info.pop("exif", None)
    picture.info.pop("xmp", None)
    return picture


def open_avif(file: IO[bytes]) -> Image.Image:
    """Return the primary picture of an AVIF file; its EXIF data is the container's turn alone.

    Its pixels are not decoded yet. Raises InputError if this Pillow was built without AVIF.
    """
    if not features.check("avif"):
        raise InputError(
            "is an AVIF picture; run `pip install --upgrade pillow` to read it, or save it as JPEG"
        )
    # Pillow writes the container's turn into the EXIF data, which fails on an invalid entry. A file
    # whose EXIF item has an unknown type has no EXIF data.
    data = EXIF_ITEM.sub(rb"\1skip", file.read())
    picture = AvifImageFile(io.BytesIO(data))
    picture.info.pop("xmp", None)
    return picture
