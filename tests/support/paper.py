"""Pictures for the tests: digits in strokes, and digits of a data set on paper of all kinds. Grey,
float64 (height, width), from 0 to 1.
"""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

Stroke = list[tuple[float, float]]

# Strokes of the pen, x to the right and y down, from 0 to 1 in a square.
SEVEN: list[Stroke] = [[(0.3, 0.2), (0.7, 0.2), (0.45, 0.8)]]
# Its bar apart.
FIVE: list[Stroke] = [
    [(0.35, 0.3), (0.33, 0.5), (0.55, 0.48), (0.65, 0.62), (0.55, 0.8), (0.33, 0.78)],
    [(0.4, 0.2), (0.66, 0.19)],
]
ONE_ONE: list[Stroke] = [[(0.35, 0.2), (0.33, 0.8)], [(0.65, 0.2), (0.63, 0.8)]]
OPEN_FOUR: list[Stroke] = [[(0.35, 0.2), (0.3, 0.52), (0.54, 0.52)], [(0.6, 0.2), (0.58, 0.8)]]


def write_strokes(
    strokes: list[Stroke], side: int = 400, width: float = 0.05, ink: int = 0, paper: int = 255
) -> Image.Image:
    """Return the strokes, round at their ends, as a grey picture."""
    picture = Image.new("L", (side, side), paper)
    draw = ImageDraw.Draw(picture)
    for stroke in strokes:
        points = [(side * x, side * y) for x, y in stroke]
        draw.line(points, fill=ink, width=round(width * side), joint="curve")
        for x, y in (points[0], points[-1]):
            radius = width * side / 2
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
    return picture


def on_paper(
    image: np.ndarray,
    generator: np.random.Generator,
    ink: float = 0.15,
    paper: float = 0.85,
    scale: int = 10,
    room: float = 2.2,
) -> np.ndarray:
    """Return an image of MNIST, `scale` times as large, somewhere on paper `room` times as high,
    and a little wider.
    """
    side = scale * len(image)
    amount = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)) / 255
    height, width = int(room * side), int(1.3 * room * side)
    top, left = generator.integers(0, height - side + 1), generator.integers(0, width - side + 1)
    picture = np.full((height, width), paper)
    picture[top : top + side, left : left + side] += (ink - paper) * amount
    return picture


def across(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return how far each pixel is along a random direction, in about the picture's size, 0 near
    its centre.
    """
    height, width = picture.shape
    y, x = np.mgrid[0:height, 0:width]
    angle = generator.uniform(0, 2 * np.pi)
    way: np.ndarray = np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5)
    return way


def shaded(picture: np.ndarray, generator: np.random.Generator, loss: float) -> np.ndarray:
    """Return the picture with light that falls off to one side, there to 1 - loss."""
    way = across(picture, generator)
    light: np.ndarray = 1 - loss * (way - way.min()) / np.ptp(way)
    shaded_picture: np.ndarray = picture * light
    return shaded_picture


def shadowed(
    picture: np.ndarray, generator: np.random.Generator, light: float = 0.55, edge: float = 0.02
) -> np.ndarray:
    """Return the picture with one side in a shadow, its edge straight and soft."""
    way = across(picture, generator) + generator.uniform(-0.2, 0.2)
    return picture * (1 - (1 - light) / (1 + np.exp(-way / edge)))


def ruled(
    picture: np.ndarray, generator: np.random.Generator, ink: float = 0.65, distance: int = 60
) -> np.ndarray:
    """Return the picture with lines of a notebook, not quite level, of the given share of the
    paper's brightness.
    """
    height, width = picture.shape
    y, x = np.mgrid[0:height, 0:width]
    is_line = (y + generator.uniform(-0.03, 0.03) * x) % distance < 2
    return picture * np.where(is_line, ink, 1.0)


def on_table(
    picture: np.ndarray, generator: np.random.Generator, table: float = 0.25
) -> np.ndarray:
    """Return the paper on a darker table, turned a little."""
    margin = len(picture) // 5
    larger = Image.fromarray(np.pad(picture, margin, constant_values=table).astype(np.float32))
    return np.asarray(
        larger.rotate(generator.uniform(-12, 12), Image.Resampling.BICUBIC, fillcolor=table),
        np.float64,
    )


def grainy(
    picture: np.ndarray, generator: np.random.Generator, deviation: float = 0.03
) -> np.ndarray:
    return picture + generator.normal(0, deviation, picture.shape)


def as_image(picture: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(255 * picture.clip(0, 1)).astype(np.uint8))


def as_file(picture: Image.Image, kind: str = "png", **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return io.BytesIO(file.getvalue())


def save(picture: Image.Image, path: Path, **options: Any) -> Path:
    picture.save(path, **options)
    return path


def png_of_size(width: int, height: int) -> io.BytesIO:
    """Return a PNG file that says it has this size, and has no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
