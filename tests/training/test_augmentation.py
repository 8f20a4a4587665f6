"""Augmentation moves ink within its bounds and leaves the background alone.

It depends on seed and epoch alone.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import affine_transform, map_coordinates
from threadpoolctl import threadpool_limits

from digits.training.augmentation import SMOOTH, augment, distort, draw_sources
from digits.training.params import Augmentation

ALL = Augmentation(rotation=10, shift=2, scale=0.1, shear=10, elastic=1, flip=True)
ROWS, COLUMNS = np.mgrid[:28, :28].reshape(2, 1, -1).astype(np.float32)


@pytest.fixture
def images(generator) -> np.ndarray:
    """Ten blots around the centre, on a background of -0.5."""
    images = np.full((10, 28, 28), -0.5, np.float32)
    images[:, 10:18, 11:17] = generator.random((10, 8, 6), dtype=np.float32)
    return images


def centre_of_mass(images: np.ndarray) -> np.ndarray:
    ink, places = images + 0.5, np.arange(28)
    mass = ink.sum(axis=(1, 2))
    row = (ink.sum(axis=2) * places).sum(axis=1) / mass
    column = (ink.sum(axis=1) * places).sum(axis=1) / mass
    return np.stack([row, column], axis=1)


def test_no_distortion_changes_nothing(images):
    assert np.array_equal(augment(images, Augmentation(), -0.5, (0, 0), 1), images)


def test_same_seed_and_epoch_same_bytes_on_any_number_of_threads(generator):
    images = generator.random((600, 28, 28), dtype=np.float32)
    expected = augment(images, ALL, 0.0, (3, 1), threads=1)
    assert augment(images, ALL, 0.0, (3, 1), threads=3).tobytes() == expected.tobytes()
    for blas_threads in (1, 2, 3):
        with threadpool_limits(blas_threads, user_api="blas"):
            found = augment(images, ALL, 0.0, (3, 1), threads=2)
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("seed", [(3, 2), (4, 1)], ids=["other epoch", "other seed"])
def test_other_seed_or_epoch_other_images(generator, seed):
    images = generator.random((20, 28, 28), dtype=np.float32)
    first = augment(images, ALL, 0.0, (3, 1), threads=1)
    assert not np.array_equal(augment(images, ALL, 0.0, seed, threads=1), first)


def test_every_image_has_its_own_distortion(images):
    found = augment(images[:1].repeat(300, axis=0), ALL, 0.0, (0, 0), 1)
    assert len({image.tobytes() for image in found}) == 300


def test_images_are_not_changed_and_the_given_array_is_used(images):
    before, out = images.copy(), np.empty_like(images)
    found = augment(images, ALL, -0.5, (0, 0), 2, out)
    assert np.array_equal(images, before)
    assert found is out


@pytest.mark.parametrize("background", [0.0, -0.5, -1.0])
def test_empty_images_stay_empty(background):
    blank = np.full((5, 28, 28), background, np.float32)
    far = ALL.model_copy(update={"shift": 20})
    assert np.array_equal(augment(blank, far, background, (0, 0), 1), blank)


def test_what_moves_in_from_outside_is_background():
    ink = np.ones((1, 28, 28), np.float32)
    moved = distort(ink, ROWS + 5, COLUMNS, background=-2.0)
    assert (moved[0, :22] == 1).all()
    assert (moved[0, 23:] == -2).all()


@given(down=st.integers(-9, 9), right=st.integers(-9, 9))
def test_whole_pixels_are_moved_exactly(down, right):
    images = np.zeros((2, 28, 28), np.float32)
    images[:, 10:18, 11:17] = np.arange(48).reshape(8, 6)
    moved = distort(images, ROWS - down, COLUMNS - right, 0.0)
    assert np.array_equal(moved, np.roll(images, (down, right), axis=(1, 2)))


@given(
    options=st.builds(
        Augmentation,
        rotation=st.floats(0, 45),
        shift=st.floats(0, 4),
        scale=st.floats(0, 0.5),
        shear=st.floats(0, 30),
        elastic=st.floats(0, 2),
        flip=st.booleans(),
    ),
    seed=st.integers(0, 99),
)
def test_any_distortion_agrees_with_scipys_interpolation(options, seed):
    """scipy.ndimage.map_coordinates is the definition: linear between pixels, constant outside."""
    generator = np.random.default_rng(seed)
    images = generator.random((2, 28, 28), dtype=np.float32)
    rows, columns = np.broadcast_arrays(*draw_sources(generator, 2, options))
    # Between the last pixel and the background there is half of each.
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=0.25)
    found = distort(images, rows, columns, 0.25)
    for number, image in enumerate(padded):
        places = [rows[number] + 1, columns[number] + 1]
        expected = map_coordinates(image, places, order=1, mode="constant", cval=0.25)
        # Places are float32, up to 60 pixels.
        np.testing.assert_allclose(found[number], expected.reshape(28, 28), atol=2e-4)


@pytest.mark.parametrize(
    ("options", "bound"),
    [
        ({"shift": 3.0}, 3.0),
        ({"rotation": 30.0}, 0.4),
        ({"scale": 0.2}, 0.4),
        ({"shear": 20.0}, 0.4),
    ],
)
def test_only_shifts_move_the_ink_and_within_their_bound(images, options, bound):
    many = images.repeat(40, axis=0)
    moved = augment(many, Augmentation(**options), -0.5, (0, 0), 1)
    distance = np.abs(centre_of_mass(moved) - centre_of_mass(many)).max()
    assert distance <= bound + 0.1
    assert distance > 0.7 * bound or "shift" not in options


def test_flip_mirrors_about_half_of_the_images(generator):
    images = generator.random((1000, 28, 28), dtype=np.float32)
    flipped = augment(images, Augmentation(flip=True), 0.0, (0, 0), 2)
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2))
    assert np.array_equal(flipped[~mirrored], images[~mirrored])
    assert 430 < mirrored.sum() < 570


def test_affine_map_is_rotation_of_shear_of_scale():
    """The reference is SciPy's affine_transform, with the matrix written out."""
    generator = np.random.default_rng(7)
    options = Augmentation(rotation=20, shear=15, scale=0.3)
    rows, columns = draw_sources(generator, 1, options)
    again = np.random.default_rng(7)
    angle, shear = (np.deg2rad(again.uniform(-bound, bound, (1, 1))[0, 0]) for bound in (20, 15))
    bound = np.log1p(0.3)
    row_scale, column_scale = (np.exp(-again.uniform(-bound, bound, (1, 1))[0, 0]) for _ in "rc")
    cosine, sine = np.cos(angle), np.sin(angle)
    rotation = np.array([[cosine, sine], [-sine, cosine]])
    matrix = rotation @ np.array([[1, 0], [np.tan(shear), 1]]) @ np.diag([row_scale, column_scale])
    image = np.zeros((28, 28), np.float32)
    image[8:20, 9:18] = again.random((12, 9), dtype=np.float32)
    expected = affine_transform(image, matrix, 13.5 - matrix @ [13.5, 13.5], order=1)
    np.testing.assert_allclose(distort(image[None], rows, columns, 0.0)[0], expected, atol=1e-4)


def test_elastic_displacements_have_the_spread_of_the_recipe():
    np.testing.assert_allclose((SMOOTH**2).sum(axis=0), 1, atol=1e-5)
    rows, _ = draw_sources(np.random.default_rng(0), 4000, Augmentation(elastic=2.0))
    assert (rows - ROWS).std(axis=0) == pytest.approx(np.full(784, 2.0), rel=0.06)  # 4,000 draws
    neighbours = np.corrcoef((rows - ROWS)[:, 300], (rows - ROWS)[:, 301])[0, 1]
    assert neighbours > 0.98  # smooth
