"""Random shift, rotation, scaling, shear and elastic distortion, redrawn every epoch.

Horizontal flips are for clothes; digits must not be flipped. An epoch's images depend on the seed
and the epoch alone, so all frameworks see the same images.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from digits.training.params import Augmentation

SIDE = 28
GRID = 5  # elastic distortion: displacements at 5 x 5 points, and smooth between them
BATCH = 250  # images at a time: their arrays stay in a core's cache


def augment(
    images: np.ndarray,
    options: Augmentation,
    background: float,
    seed: tuple[int, int],
    threads: int,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Return distorted copies of images, float32 (n, 28, 28), in `out` if it is given.

    `background` is the value of an empty pixel; `seed` is the training's seed and the epoch. Each
    image gets its own affine map, drawn uniformly within the options' bounds, and its own
    displacement field. The result does not depend on the number of threads or cores. Each of our
    threads gives BLAS one thread, because several BLAS threads sum in another order.
    """
    result = np.empty_like(images) if out is None else out
    starts = range(0, len(images), BATCH)

    def distort_batch(number: int) -> None:
        part = slice(starts[number], starts[number] + BATCH)
        generator = np.random.default_rng([*seed, number])
        sources = draw_sources(generator, len(images[part]), options)
        result[part] = distort(images[part], *sources, background)

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        list(pool.map(distort_batch, range(len(starts))))
    return result


def draw_sources(
    generator: np.random.Generator, n: int, options: Augmentation
) -> tuple[np.ndarray, np.ndarray]:
    """Return where each pixel of n distorted images comes from: rows and columns.

    Both are float32 (n, 28 * 28), in pixels of the original image.

    About the centre c, pixel p comes from c + A (p - c) + shift + displacement(p), with A =
    rotation x shear x flip / scale.
    """

    def uniform(bound: float) -> np.ndarray:
        return generator.uniform(-bound, bound, (n, 1)).astype(np.float32)

    angle, shear = np.deg2rad(uniform(options.rotation)), np.tan(np.deg2rad(uniform(options.shear)))
    cosine, sine = np.cos(angle), np.sin(angle)
    row_scale, column_scale = (
        np.exp(-uniform(np.log1p(options.scale))),
        np.exp(-uniform(np.log1p(options.scale))),
    )
    row, column = np.mgrid[:SIDE, :SIDE].reshape(2, 1, -1).astype(np.float32) - (SIDE - 1) / 2
    column, row = column * column_scale, row * row_scale
    if options.flip:
        column *= generator.choice(np.array([-1, 1], np.float32), (n, 1))
    sheared = column + shear * row
    rows = cosine * row + sine * sheared + uniform(options.shift) + (SIDE - 1) / 2
    columns = cosine * sheared - sine * row + uniform(options.shift) + (SIDE - 1) / 2
    if options.elastic:
        displacements = (
            generator.standard_normal((2, n, GRID * GRID), np.float32)
            @ SMOOTH
            * np.float32(options.elastic)
        )
        rows, columns = rows + displacements[0], columns + displacements[1]
    return rows, columns


def smooth_basis() -> np.ndarray:
    """Return the matrix, float32 (25, 784), that turns values at grid points into values at pixels.

    Each grid point has a Gaussian. Its standard deviation is the distance between two points. Each
    pixel's column has unit length, so displacements have a variance of about 1 everywhere.
    """
    points, pixels = np.linspace(0, SIDE - 1, GRID), np.arange(SIDE)
    weights = np.exp(-0.5 * ((pixels - points[:, None]) / (points[1] - points[0])) ** 2)
    basis = np.einsum("ip,jq->ijpq", weights, weights).reshape(GRID * GRID, SIDE * SIDE)
    unit_basis: np.ndarray = (basis / np.linalg.norm(basis, axis=0)).astype(np.float32)
    return unit_basis


SMOOTH = smooth_basis()


def distort(
    images: np.ndarray, rows: np.ndarray, columns: np.ndarray, background: float
) -> np.ndarray:
    """Return images (n, 28, 28) with pixels from the places (rows, columns), float32 (n, 784).

    Each value is interpolated between the four pixels around its place. Outside the image is
    background.
    """
    # The interpolation always gives the second padded row the weight 0.
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2)), constant_values=np.float32(background))
    side = padded.shape[1]
    rows, columns = np.clip(rows + 1, 0, SIDE + 1), np.clip(columns + 1, 0, SIDE + 1)
    top, left = np.floor(rows), np.floor(columns)
    down, right = rows - top, columns - left
    corner = (top * side + left).astype(np.intp) + (np.arange(len(images)) * (side * side))[:, None]
    pixels = padded.ravel()
    upper, lower = pixels.take(corner), pixels.take(corner + side)
    upper += right * (pixels.take(corner + 1) - upper)
    lower += right * (pixels.take(corner + side + 1) - lower)
    upper += down * (lower - upper)
    distorted: np.ndarray = upper.reshape(images.shape)
    return distorted
