"""Image files: what cameras and drawing programs write is read; other files get one line."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, TiffImagePlugin

from digits.errors import InputError
from digits.pictures.mnist_form import to_mnist_form
from digits.pictures.picture_file import MAX_PIXELS, decode_picture, read_picture
from tests.support.paper import SEVEN, as_file, png_of_size, save, write_strokes

YAW_ANGLE = 0xB20B  # a tag that is always a signed rational


SEVEN_SEEN = to_mnist_form(write_strokes(SEVEN).convert("RGB"))


def difference(file: io.BytesIO) -> float:
    """Return the mean difference in levels of the file's digit from the seven."""
    return float(np.abs(to_mnist_form(decode_picture(file)).astype(int) - SEVEN_SEEN).mean())


MODES = {
    "png": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "jpeg": ["L", "RGB", "CMYK"],
    "webp": ["RGB", "RGBA"],
    "gif": ["1", "L", "P", "RGB", "RGBA"],
    "bmp": ["1", "L", "P", "RGB", "RGBA"],
    "tiff": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"],
}


@pytest.mark.parametrize(
    ("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes]
)
def test_every_format_and_mode_gives_the_same_digit(kind, mode):
    picture = write_strokes(SEVEN)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture, np.uint16) * 64)
    else:
        picture = picture.convert(mode)
    # JPEG's artefacts, and dithering if there are only two levels.
    assert difference(as_file(picture, kind)) < 4


def test_a_phones_file_of_several_pictures_is_read():
    file = as_file(
        write_strokes(SEVEN), "mpo", save_all=True, append_images=[Image.new("L", (50, 50))]
    )
    assert difference(file) < 4


@pytest.mark.parametrize("orientation", [2, 3, 4, 5, 6, 7, 8])
def test_a_picture_is_turned_as_its_exif_data_says(orientation):
    upright = write_strokes(SEVEN)
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = as_file(upright.transpose(back[orientation]), "jpeg", exif=exif, quality=95)
    found = np.asarray(decode_picture(file).convert("L"), int)
    assert np.abs(found - np.asarray(upright, int)).mean() < 2  # JPEG's artefacts


def test_an_impossible_number_in_the_exif_data_is_ignored():
    """A signed rational is 4294967295 / 0. Pillow can read it, but not write it."""
    upright = write_strokes(SEVEN)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    exif[YAW_ANGLE] = TiffImagePlugin.IFDRational(10007, 6791)
    data = as_file(upright.transpose(Image.Transpose.ROTATE_180), "jpeg", exif=exif).getvalue()
    signed = struct.pack(">HHI", YAW_ANGLE, 10, 1)
    unsigned = struct.pack(">HHI", YAW_ANGLE, 5, 1)
    value = struct.pack(">ii", 10007, 6791)
    assert data.count(signed) == data.count(value) == 1
    data = data.replace(signed, unsigned).replace(value, struct.pack(">II", 2**32 - 1, 0))
    file = io.BytesIO(data)
    found = np.asarray(decode_picture(file).convert("L"), int)
    assert np.abs(found - np.asarray(upright, int)).mean() < 2  # JPEG's artefacts


@pytest.mark.parametrize("level", [0, 255])
def test_ink_on_a_transparent_background_may_have_any_colour(level):
    amount = Image.eval(write_strokes(SEVEN), lambda value: 255 - value)
    picture = Image.new("L", amount.size, level)
    picture.putalpha(amount)
    assert np.array_equal(to_mnist_form(decode_picture(as_file(picture))), SEVEN_SEEN)


def test_a_transparent_rim_is_not_ink():
    picture = write_strokes(SEVEN).convert("RGBA")
    alpha = Image.new("L", picture.size, 0)
    alpha.paste(255, (30, 30, 370, 370))
    picture.putalpha(alpha)
    assert np.array_equal(to_mnist_form(decode_picture(as_file(picture))), SEVEN_SEEN)


def test_only_the_formats_that_are_asked_for_are_read():
    for kind in ("jpeg", "webp", "avif", "gif"):
        with pytest.raises(InputError, match=r"is not an image; expected PNG$|is a "):
            decode_picture(as_file(write_strokes(SEVEN), kind), formats=["PNG"])
    assert decode_picture(as_file(write_strokes(SEVEN), "png"), formats=["PNG"]).mode == "RGB"


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "tiff"])
def test_a_file_that_is_cut_off_is_refused(kind):
    file = as_file(write_strokes(SEVEN), kind)
    for share in (0.5, 0.9):
        with pytest.raises(InputError, match=r"is damaged or cut off|is not an image"):
            decode_picture(io.BytesIO(file.getvalue()[: int(share * len(file.getvalue()))]))


@pytest.mark.parametrize("width", [MAX_PIXELS // 1000 + 1, 100_000, 1_000_000])
def test_an_enormous_picture_is_refused_before_it_is_decoded(width):
    with pytest.raises(InputError, match="is too large"):
        decode_picture(png_of_size(width, 1000))


def test_a_tiny_picture_is_refused():
    with pytest.raises(InputError, match="is too small: 7 x 3 pixels"):
        decode_picture(as_file(Image.new("L", (7, 3))))


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.png cannot be read: No such file"):
        read_picture(tmp_path / "absent.png")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_picture(tmp_path)
    save(write_strokes(SEVEN), tmp_path / "named.txt", format="png")
    # What a file is called does not matter.
    assert read_picture(tmp_path / "named.txt").mode == "RGB"


def test_a_pipe_is_read():
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as file:  # a few KB: they fit in the pipe
        file.write(as_file(write_strokes(SEVEN)).getvalue())
    assert read_picture(Path(f"/dev/fd/{reader}")).mode == "RGB"
    os.close(reader)
