"""Render digits: from control points to curves, to a pen's line, to images in MNIST's form.

MNIST's form is described at http://yann.lecun.com/exdb/mnist/. A digit with grey edges is scaled to
a box of 20 x 20 pixels, with its aspect kept. The box is placed in a field of 28 x 28 pixels, with
the centre of mass of the ink in the middle.

n is the number of images, m the number of points along a curve. Curves are float64 (n, m, 2), x and
y, first in units of digit height and later in pixels. Float64 makes the images equal on all
processors: sin and exp differ in their last bits, which in float32 changes a few grey values.
"""

import numpy as np

from digits.datasets.allographs import Allograph, is_repeated

FIELD, BOX = 28, 20
# Elastic distortion: the number of sine waves, cycles per height, and the amplitude in heights.
N_WAVES, WAVE_FREQUENCY, WAVE_AMPLITUDE = 3, 0.7, 0.03
SPACING = 0.04  # between points of a curve, in heights: 0.8 pixels, less than the line's width


def render_digits(
    generator: np.random.Generator,
    allograph: Allograph,
    points: np.ndarray,
    traits: dict[str, np.ndarray],
) -> np.ndarray:
    """Return images, uint8 (n, 28, 28), of the allograph through the given control points."""
    curve = trace(allograph, points)
    radius = pen_radius(generator, curve.shape[1], traits)
    curve, radius = fit_in_box(deform(generator, curve, traits), radius)
    return place_in_field(rasterize(generator, curve, radius, traits))


def trace(allograph: Allograph, points: np.ndarray) -> np.ndarray:
    """Return curves (n, m, 2) through control points (n, n_points, 2).

    They are smooth, except at corners and where the pen is lifted.
    """
    lifts = np.cumsum([len(stroke) for stroke in allograph.strokes])[:-1]
    template = np.concatenate(allograph.strokes)
    ends = np.union1d(lifts, np.flatnonzero(is_repeated(template)))
    template_parts, point_parts = np.split(template, ends), np.split(points, ends, axis=1)
    curves = []
    for template_part, point_part in zip(template_parts, point_parts, strict=True):
        lengths = np.linalg.norm(np.diff(template_part, axis=0), axis=1)
        curves.append(spline(point_part, np.ceil(lengths / SPACING).astype(int)))
    return np.concatenate(curves, axis=1)


def spline(points: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return Catmull-Rom curves (n, m, 2) through `points` (n, k, 2), with `steps` (k - 1,) from
    each point to the next.

    Between p1 and p2, with p0 before p1, p3 after p2, and t from 0 to 1:
    p = (2 p1 + (p2 - p0) t + (2 p0 - 5 p1 + 4 p2 - p3) t^2 + (3 p1 - p0 - 3 p2 + p3) t^3) / 2.
    At either end, the end point also takes the place of the missing neighbour.
    """
    padded = np.concatenate([points[:, :1], points, points[:, -1:]], axis=1)
    sections = []
    for i, n_steps in enumerate(steps):
        p0, p1, p2, p3 = (padded[:, i + j, None] for j in range(4))
        t = (np.arange(n_steps) / n_steps)[:, None]
        linear = p2 - p0
        square = 2 * p0 - 5 * p1 + 4 * p2 - p3
        cube = 3 * p1 - p0 - 3 * p2 + p3
        sections.append((2 * p1 + linear * t + square * t**2 + cube * t**3) / 2)
    return np.concatenate([*sections, points[:, -1:]], axis=1)


def pen_radius(
    generator: np.random.Generator, n_points: int, traits: dict[str, np.ndarray]
) -> np.ndarray:
    """Return the radius of the pen's line at each point of the curves, (n, m), in heights."""
    n = len(traits["log_radius"])
    cycles, phase = generator.uniform(0.5, 3, (n, 1)), generator.uniform(0, 2 * np.pi, (n, 1))
    wave = np.sin(2 * np.pi * cycles * np.linspace(0, 1, n_points) + phase)
    radius: np.ndarray = np.exp(traits["log_radius"])[:, None] * (
        1 + traits["unevenness"][:, None] * wave
    )
    return radius


def deform(
    generator: np.random.Generator, curve: np.ndarray, traits: dict[str, np.ndarray]
) -> np.ndarray:
    """Return the curves (n, m, 2) with their writers' proportions, elastically distorted, slanted
    and turned about their centre.
    """
    trait = {name: values[:, None] for name, values in traits.items()}
    x, y = curve[..., 0], curve[..., 1]
    width = np.exp(trait["log_aspect"])
    x = (x - x.mean(axis=1, keepdims=True)) * width * (1 + trait["taper"] * (y - 0.5))
    y = y - 0.5 + trait["balance"] * y * (1 - y)
    x, y = distort(generator, x, y)
    x = x - trait["slant"] * y
    cosine, sine = np.cos(trait["rotation"]), np.sin(trait["rotation"])
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)


def distort(
    generator: np.random.Generator, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y (n, m), each moved by random sine waves across the plane."""
    for _ in range(N_WAVES):
        frequency = generator.normal(0, WAVE_FREQUENCY, (2, len(x), 1))
        amplitude = generator.normal(0, WAVE_AMPLITUDE, (2, len(x), 1))
        phase = generator.random((len(x), 1))
        wave = np.sin(2 * np.pi * (frequency[0] * x + frequency[1] * y + phase))
        x, y = x + amplitude[0] * wave, y + amplitude[1] * wave
    return x, y


def fit_in_box(curve: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return curves and radii in pixels, scaled until the ink just fits in the box of 20 x 20.

    The ink keeps its aspect and is centred in the box.
    """
    lowest = (curve - radius[..., None]).min(axis=1, keepdims=True)
    highest = (curve + radius[..., None]).max(axis=1, keepdims=True)
    scale = BOX / (highest - lowest).max(axis=2, keepdims=True)
    return (curve - (lowest + highest) / 2) * scale + BOX / 2, radius * scale[..., 0]


def rasterize(
    generator: np.random.Generator,
    curve: np.ndarray,
    radius: np.ndarray,
    traits: dict[str, np.ndarray],
) -> np.ndarray:
    """Return the ink of lines along the curves (n, m, 2): float64 (n, 20, 20), from 0 to 1.

    `radius` (n, m) is the line's radius at each point. The line is the union of the circles at the
    points. A pixel's power with respect to a circle is distance^2 - radius^2, negative inside. The
    least power gives the signed distance to the line's edge, exact on the edge. At the edge, the
    ink fades over about a pixel.
    """
    centres = np.arange(BOX) + 0.5
    x_squared = ((centres - curve[..., 0, None]) ** 2).astype(np.float32)
    y_squared = ((centres - curve[..., 1, None]) ** 2 - radius[..., None] ** 2).astype(np.float32)
    power = np.full((len(curve), BOX, BOX), np.inf, np.float32)
    for i in range(curve.shape[1]):
        np.minimum(power, y_squared[:, i, :, None] + x_squared[:, i, None, :], out=power)
    mean_radius = radius.mean(axis=1)[:, None, None]
    distance = np.sqrt(np.maximum(power + mean_radius**2, 0)) - mean_radius
    grain = np.exp(traits["log_grain"])[:, None, None]
    blur = np.exp(traits["log_blur"])[:, None, None]
    distance += grain * generator.standard_normal(distance.shape)
    ink: np.ndarray = np.clip(0.5 - distance / blur, 0, 1)
    return ink


def place_in_field(ink: np.ndarray) -> np.ndarray:
    """Return images, uint8 (n, 28, 28), of the ink (n, 20, 20).

    The centre of mass of the ink is moved as near as possible to pixel (14, 14), as in MNIST.
    """
    top, left = (find_first_pixels(ink, axis)[:, None] + np.arange(BOX) for axis in (1, 2))
    images = np.zeros((len(ink), FIELD, FIELD), np.uint8)
    samples = np.arange(len(ink))[:, None, None]
    images[samples, top[:, :, None], left[:, None, :]] = np.rint(255 * ink).astype(np.uint8)
    return images


def find_first_pixels(ink: np.ndarray, axis: int) -> np.ndarray:
    """Return where the box begins in the field, along axis 1 (rows) or 2 (columns); int64 (n,)."""
    mass = ink.sum(axis=(1, 2))
    centre = (ink.sum(axis=3 - axis) * np.arange(BOX)).sum(axis=1) / mass
    first: np.ndarray = np.rint(FIELD / 2 - centre).astype(int).clip(0, FIELD - BOX)
    return first
