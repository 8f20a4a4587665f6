"""Files that cannot be read are recognised by their first bytes: one line says what to do."""

import io

import pytest
from PIL import Image, TiffImagePlugin

from digits.errors import InputError
from digits.pictures.picture_file import decode_picture
from digits.pictures.signatures import is_avif, is_heic
from tests.support.paper import SEVEN, as_file, write_strokes


def file_type(brand: bytes, *compatible: bytes) -> bytes:
    """Return the first box of a file in the ISO base media format."""
    content = b"ftyp" + brand + bytes(4) + b"".join(compatible)
    return (len(content) + 4).to_bytes(4, "big") + content


SAVE = "save it as PNG or JPEG"
PROLOG = b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- from a program -->\n"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\xff\x0a\xfa\x1f\x41\x91", f"is a JPEG XL picture; {SAVE}"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + file_type(b"jxl "), f"is a JPEG XL picture; {SAVE}"),
        (b"\xff\x4f\xff\x51\0\x2f", f"is a JPEG 2000 picture; {SAVE}"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + file_type(b"jp2 "), f"is a JPEG 2000 picture; {SAVE}"),
        (b"%PDF-1.4\n", "is a PDF document; save its page as PNG or JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is a PostScript file; save its page as PNG or JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG drawing; export it as PNG"),
        (PROLOG + b"<svg viewBox='0 0 1 1'/>", "is an SVG drawing; export it as PNG"),
        (b"<!DOCTYPE html><svg/>", "is a web page; save the picture in it instead"),
        (b"8BPS\0\1", f"is a Photoshop file; {SAVE}"),
        (b"PK\x03\x04\x14\0", "is a ZIP archive; unpack it first"),
        (file_type(b"crx ", b"crx ", b"isom"), f"is a camera raw file; {SAVE}"),
        (b"II*\0\x10\0\0\0CR\2\0", f"is a camera raw file; {SAVE}"),
        (b"FUJIFILMCCD-RAW 0201", f"is a camera raw file; {SAVE}"),
        (file_type(b"isom", b"iso2", b"avc1"), "is a video; save one frame of it as PNG or JPEG"),
        (file_type(b"qt  ", b"qt  "), "is a video; save one frame of it as PNG or JPEG"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "is a video; save one frame of it as PNG or JPEG"),
        (b"RIFF\0\0\0\0AVI LIST", "is a video; save one frame of it as PNG or JPEG"),
        (b"\x1a\x45\xdf\xa3\1", "is a video; save one frame of it as PNG or JPEG"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(content, line):
    with pytest.raises(InputError) as error:
        decode_picture(io.BytesIO(content + bytes(2000)))
    assert str(error.value) == line


@pytest.mark.parametrize("content", [b"", b"hello", b"<note/>", b"\0\0\0\x18", b"\xff"])
def test_any_other_file_gets_the_formats_that_are_read(content):
    expected = "PNG, JPEG, WebP, HEIC, AVIF, GIF, BMP or TIFF"
    with pytest.raises(InputError, match=f"^is not an image; expected {expected}$"):
        decode_picture(io.BytesIO(content))


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (file_type(b"heic", b"mif1", b"heic"), (True, False)),
        (file_type(b"heix", b"mif1"), (True, False)),  # 10 bits
        (file_type(b"mif1", b"heic", b"miaf"), (True, False)),
        (file_type(b"msf1", b"hevc"), (True, False)),  # a burst
        (file_type(b"mif1", b"jpeg"), (True, False)),  # libheif may read it
        (file_type(b"avif", b"mif1", b"miaf"), (False, True)),
        (file_type(b"mif1", b"avif", b"miaf"), (False, True)),
        (file_type(b"avis", b"msf1"), (False, True)),
        (file_type(b"isom", b"mp42"), (False, False)),
        (b"\0\0\0\x1cftyp", (False, False)),
    ],
)
def test_the_coding_in_the_container_decides_who_reads_it(head, found):
    assert (is_heic(head), is_avif(head)) == found


DNG = {50706: b"\1\4\0\0"}
THUMBNAIL = {254: 1, 330: 1000}


@pytest.mark.parametrize("tags", [DNG, THUMBNAIL], ids=["DNG", "thumbnail of others"])
def test_a_raw_file_is_not_taken_for_its_thumbnail(tags):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[tag] = value
    file = as_file(write_strokes(SEVEN), "tiff", tiffinfo=info)
    with pytest.raises(InputError, match=r"^is a camera raw file; save it as PNG or JPEG$"):
        decode_picture(file)


def test_a_raw_file_without_a_thumbnail_is_named_too():
    file = as_file(Image.new("L", (64, 48)), "tiff")
    cfa, grey = b"\x06\1\3\0\1\0\0\0\x23\x80", b"\x06\1\3\0\1\0\0\0\1\0"  # the colour filter array
    assert file.getvalue().count(grey) == 1
    with pytest.raises(InputError, match=r"or a camera raw file; save it as PNG or JPEG$"):
        decode_picture(io.BytesIO(file.getvalue().replace(grey, cfa)))
