"""HEIC and AVIF: upright as their container says, the primary picture, one line if they cannot."""

import io
import struct
import sys

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image, TiffImagePlugin, features

from digits.errors import InputError
from digits.pictures.picture_file import decode_picture
from tests.support.paper import SEVEN, as_file, write_strokes

UPRIGHT = write_strokes(SEVEN).crop((0, 0, 400, 360))
BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
# What the writers would put into the container; it is put in place of its twin afterwards.
EXIF_TURN = struct.pack(">HHIH", ExifTags.Base.Orientation, 3, 1, 6)
EXIF_TWIN = struct.pack(">HHIH", ExifTags.Base.ResolutionUnit, 3, 1, 6)
XMP_TURN, XMP_TWIN = b'tiff:Orientation="6"', b'tiff:_rientation="6"'
YAW_ANGLE = 0xB20B  # a tag that is always a signed rational


def exif_with_yaw(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[YAW_ANGLE] = TiffImagePlugin.IFDRational(10007, 6791)
    return exif.tobytes()


def as_heic(*pictures: Image.Image, **options: object) -> io.BytesIO:
    """Return a HEIC file. Of its `exif`, the orientation goes into the container."""
    heic = pillow_heif.HeifFile()
    for picture in pictures:
        heic.add_from_pillow(picture)
    file = io.BytesIO()
    heic.save(file, quality=90, **options)
    return io.BytesIO(file.getvalue())


def as_avif(picture: Image.Image, **options: object) -> io.BytesIO:
    """Return an AVIF file. Of its `exif`, the orientation goes into the container."""
    return as_file(picture, "avif", quality=90, **options)


FILES = pytest.mark.parametrize("as_picture_file", [as_heic, as_avif])


def check_upright(file: io.BytesIO, expected: Image.Image = UPRIGHT) -> None:
    found = decode_picture(file)
    assert (found.mode, found.size) == ("RGB", expected.size)
    difference = np.asarray(found.convert("L"), int) - np.asarray(expected.convert("L"), int)
    assert np.abs(difference).mean() < 2  # artefacts of the compression


@FILES
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_every_mode_is_read(as_picture_file, mode):
    check_upright(as_picture_file(UPRIGHT.convert(mode)))


@FILES
@pytest.mark.parametrize("orientation", BACK)
def test_a_picture_is_turned_once_as_its_container_says(as_picture_file, orientation):
    stored = UPRIGHT.transpose(BACK[orientation])
    check_upright(as_picture_file(stored, exif=exif_with_yaw(orientation)))


@FILES
@pytest.mark.parametrize("in_container", [1, 6], ids=["upright", "turned"])
def test_exif_and_xmp_beside_the_container_do_not_turn_it_again(as_picture_file, in_container):
    """As a phone that says it twice, and a program that turned the pixels and kept the tags."""
    stored = UPRIGHT if in_container == 1 else UPRIGHT.transpose(BACK[6])
    exif = Image.Exif()
    exif[ExifTags.Base.ResolutionUnit] = 6
    exif[ExifTags.Base.Orientation] = in_container
    xmp = b"<x:xmpmeta><rdf:Description " + XMP_TWIN + b"/></x:xmpmeta>"
    data = as_picture_file(stored, exif=exif.tobytes(), xmp=xmp).getvalue()
    assert data.count(EXIF_TWIN) == data.count(XMP_TWIN) == 1
    data = data.replace(EXIF_TWIN, EXIF_TURN).replace(XMP_TWIN, XMP_TURN)
    check_upright(io.BytesIO(data))


@FILES
def test_an_impossible_number_in_the_exif_data_is_ignored(as_picture_file):
    """A signed rational is 4294967295 / 0. Pillow can read it, but not write it."""
    data = as_picture_file(UPRIGHT.transpose(BACK[6]), exif=exif_with_yaw(6)).getvalue()
    signed = struct.pack(">HHI", YAW_ANGLE, 10, 1)
    unsigned = struct.pack(">HHI", YAW_ANGLE, 5, 1)
    value = struct.pack(">ii", 10007, 6791)
    assert data.count(signed) == data.count(value) == 1
    data = data.replace(signed, unsigned).replace(value, struct.pack(">II", 2**32 - 1, 0))
    check_upright(io.BytesIO(data))


@FILES
def test_exif_data_that_cannot_be_read_is_ignored(as_picture_file):
    data = as_picture_file(UPRIGHT.transpose(BACK[6]), exif=exif_with_yaw(6)).getvalue()
    assert data.count(b"MM\0*") == 1
    check_upright(io.BytesIO(data.replace(b"MM\0*", b"XX\0*")))


@pytest.mark.parametrize("primary", [0, 1, 2])
def test_of_several_pictures_the_primary_one_is_read(primary):
    pictures = [Image.new("RGB", (300, 200), level) for level in ("red", "green", "blue")]
    pictures[primary] = UPRIGHT.convert("RGB")
    check_upright(as_heic(*pictures, primary_index=primary))


def test_of_an_animation_the_first_picture_is_read():
    others = [Image.new("L", UPRIGHT.size, 128)]
    check_upright(as_avif(UPRIGHT, save_all=True, append_images=others))


@FILES
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_refused_in_one_line(as_picture_file, share):
    data = as_picture_file(UPRIGHT).getvalue()
    with pytest.raises(InputError, match=r"^is damaged or cut off: .*$") as error:
        decode_picture(io.BytesIO(data[: int(share * len(data))]))
    assert "\n" not in str(error.value)


def test_an_enormous_heic_is_refused_before_it_is_decoded():
    data = as_heic(Image.new("L", (64, 64))).getvalue()
    extent = struct.pack(">4sIII", b"ispe", 0, 64, 64)
    assert data.count(extent) == 1
    enormous = data.replace(extent, struct.pack(">4sIII", b"ispe", 0, 16_320, 12_240))
    with pytest.raises(InputError, match="is too large: 16,320 x 12,240 pixels"):
        decode_picture(io.BytesIO(enormous))


def test_without_its_package_a_heic_file_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match="is a HEIC picture; run `pip install pillow-heif` to"):
        decode_picture(as_heic(UPRIGHT))


def test_without_its_decoder_an_avif_file_says_what_to_install(monkeypatch):
    monkeypatch.setattr(features, "check", lambda feature: False)
    with pytest.raises(InputError, match="is an AVIF picture; run `pip install --upgrade pillow`"):
        decode_picture(as_avif(UPRIGHT))
