"""Recognise a file's format by its first bytes, whatever the file is called.

Sources: ISO/IEC 14496-12 (boxes, brands), ISO/IEC 23008-12 (HEIC), the AVIF specification,
ISO/IEC 18181-2 (JPEG XL), and https://en.wikipedia.org/wiki/List_of_file_signatures.
"""

HEAD_BYTES = 1024  # enough for every signature here, and for the comments before an <svg>

JPEG = b"\xff\xd8\xff"
# The brands of pictures in HEVC. "mif1" and "msf1" alone name the container, whatever is in it.
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
AVIF_BRANDS = {b"avif", b"avis"}
CONTAINER_BRANDS = {b"mif1", b"msf1"}

SAVE = "save it as PNG or JPEG"
RAW = f"is a camera raw file; {SAVE}"
VIDEO = "is a video; save one frame of it as PNG or JPEG"
JPEG_XL = f"is a JPEG XL picture; {SAVE}"
JPEG_2000 = f"is a JPEG 2000 picture; {SAVE}"
# What a file is and what to do with it, by what it begins with.
OTHERS = {
    b"\xff\x0a": JPEG_XL,
    b"\0\0\0\x0cJXL \r\n\x87\n": JPEG_XL,
    b"\xff\x4f\xff\x51": JPEG_2000,
    b"\0\0\0\x0cjP  \r\n\x87\n": JPEG_2000,
    b"%PDF-": "is a PDF document; save its page as PNG or JPEG",
    b"%!PS": "is a PostScript file; save its page as PNG or JPEG",
    b"\xc5\xd0\xd3\xc6": "is a PostScript file; save its page as PNG or JPEG",
    b"8BPS": f"is a Photoshop file; {SAVE}",
    b"gimp xcf": f"is a GIMP file; {SAVE}",
    b"PK\x03\x04": "is a ZIP archive; unpack it first",
    b"FUJIFILMCCD-RAW": RAW,
    b"IIU\0": RAW,  # Panasonic
    b"IIRO": RAW,  # Olympus
    b"IIRS": RAW,
    b"MMOR": RAW,
    b"\x1a\x45\xdf\xa3": VIDEO,  # WebM, Matroska
    b"\0\0\x01\xba": VIDEO,  # MPEG
    b"\0\0\x01\xb3": VIDEO,
}
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# The first box of old QuickTime files, which have no brand.
QUICKTIME_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip")


def read_brands(head: bytes) -> list[bytes]:
    """Return the brands that a file in the ISO base media format names, the main one first."""
    if head[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(head[:4], "big"), len(head))
    compatible = [head[at : at + 4] for at in range(16, end, 4)]
    return [head[8:12], *compatible]


def is_heic(head: bytes) -> bool:
    """Return whether the file is a HEIC picture, or another picture in its container."""
    return first_brand(head) in HEIC_BRANDS | CONTAINER_BRANDS


def is_avif(head: bytes) -> bool:
    """Return whether the file is an AVIF picture."""
    return first_brand(head) in AVIF_BRANDS


def first_brand(head: bytes) -> bytes:
    """Return the first brand that names a coding of pictures; else the main brand, or nothing."""
    brands = read_brands(head)
    codings = [brand for brand in brands if brand in HEIC_BRANDS | AVIF_BRANDS]
    return [*codings, *brands, b""][0]


def describe_other(head: bytes) -> str | None:
    """Return what a file is that cannot be read, and what to do; None if it is not recognised.

    The text continues a sentence that begins with "The file".
    """
    for start, description in OTHERS.items():
        if head.startswith(start):
            return description
    if head.startswith(TIFF):
        is_canon = head[8:10] == b"CR"
        return RAW if is_canon else f"is damaged or cut off, or a camera raw file; {SAVE}"
    if brands := read_brands(head):
        return RAW if brands[0] == b"crx " else VIDEO
    if head[4:8] in QUICKTIME_BOXES or (head[:4], head[8:12]) == (b"RIFF", b"AVI "):
        return VIDEO
    return describe_markup(head)


def describe_markup(head: bytes) -> str | None:
    """Return what an SVG drawing or a web page is, and what to do; None for any other text."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text.startswith(b"<"):
        return None
    if b"<svg" in text and not text.startswith((b"<!doctype html", b"<html")):
        return "is an SVG drawing; export it as PNG"
    if text.startswith((b"<!doctype html", b"<html")):
        return "is a web page; save the picture in it instead"
    return None
