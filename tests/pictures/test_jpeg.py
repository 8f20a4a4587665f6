"""Large JPEG files are decoded at a reduced size, and give the same digit."""

import io
import struct

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.JpegImagePlugin import jpeg_factory

from digits.errors import InputError
from digits.pictures.jpeg import ENOUGH_SIDE, MAX_PIXELS, reduce_jpeg
from digits.pictures.mnist_form import to_mnist_form
from digits.pictures.picture_file import decode_picture
from tests.support.paper import SEVEN, as_file, write_strokes


def write_wide(width: int, height: int) -> Image.Image:
    """Return a seven in the middle of a grey sheet."""
    sheet = Image.new("L", (width, height), 215)
    seven = write_strokes(SEVEN, side=height, ink=40, paper=215)
    sheet.paste(seven, ((width - height) // 2, 0))
    return sheet


LARGE = write_wide(4000, 3000)  # 12 million pixels


def of_size(width: int, height: int, mode: str = "RGB", **options: object) -> io.BytesIO:
    """Return a JPEG file that says it has this size, and has the pixels of a tiny one."""
    data = as_file(Image.new(mode, (16, 16)), "jpeg", **options).getvalue()
    at = data.index(b"\xff\xc2" if options.get("progressive") else b"\xff\xc0") + 5
    return io.BytesIO(data[:at] + struct.pack(">HH", height, width) + data[at + 4 :])


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
def test_a_reduced_picture_gives_the_digit_of_one_scaled_down_before(mode, progressive):
    file = as_file(LARGE.convert(mode), "jpeg", quality=90, progressive=progressive)
    picture = decode_picture(file)
    assert (picture.mode, picture.size) == ("RGB", (2000, 1500))
    expected = to_mnist_form(LARGE.resize((2000, 1500)).convert("RGB")).astype(int)
    assert np.abs(to_mnist_form(picture) - expected).mean() < 0.2  # of 255 levels: rounding


def test_a_phones_file_of_several_pictures_is_reduced():
    file = as_file(LARGE, "mpo", save_all=True, append_images=[Image.new("L", (50, 50))])
    assert decode_picture(file).size == (2000, 1500)


def test_a_reduced_picture_is_turned_as_its_exif_data_says():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    file = as_file(LARGE.transpose(Image.Transpose.ROTATE_90), "jpeg", exif=exif)
    picture = decode_picture(file)
    assert picture.size == (2000, 1500)
    expected = to_mnist_form(LARGE.resize((2000, 1500)).convert("RGB")).astype(int)
    assert np.abs(to_mnist_form(picture) - expected).mean() < 0.2


@pytest.mark.parametrize(
    ("size", "reduced"),
    [
        ((1800, 1200), (1800, 1200)),
        ((3599, 2400), (3599, 2400)),
        ((3600, 2401), (1800, 1201)),
        ((12_000, 9000), (3000, 2250)),  # 108 million pixels
        ((16_320, 12_240), (2040, 1530)),  # 200 million pixels
        ((12_240, 16_320), (1530, 2040)),
        ((65_000, 5), (16_250, 2)),
    ],
)
def test_the_longer_side_keeps_enough_pixels(size, reduced):
    picture = jpeg_factory(of_size(*size))
    reduce_jpeg(picture)
    assert picture.size == reduced
    assert max(reduced) >= ENOUGH_SIDE


@pytest.mark.slow
def test_a_picture_of_200_megapixels_is_read():
    picture = decode_picture(as_file(write_wide(16_320, 12_240), "jpeg"))
    assert picture.size == (2040, 1530)
    expected = to_mnist_form(write_wide(2040, 1530).convert("RGB")).astype(int)
    assert np.abs(to_mnist_form(picture) - expected).mean() < 2  # drawn at another size


def test_a_jpeg_beyond_the_limit_is_refused():
    assert MAX_PIXELS < 16_385 * 16_000
    with pytest.raises(InputError, match="is too large: 16,385 x 16,000 pixels; expected at most"):
        decode_picture(of_size(16_385, 16_000))


def test_a_progressive_jpeg_is_refused_if_its_frequencies_take_too_much_memory():
    """240 million pixels take 1,440 MB in three full colours, and 720 MB with 4:2:0 colours."""
    file = of_size(16_000, 15_000, progressive=True, subsampling=0)
    with pytest.raises(InputError, match="too large for a progressive JPEG: 16,000 x 15,000 pix"):
        decode_picture(file)
    picture = jpeg_factory(of_size(16_000, 15_000, progressive=True, subsampling=2))
    reduce_jpeg(picture)
    assert picture.size == (2000, 1875)
