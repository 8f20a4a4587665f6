"""Pictures of one digit come into MNIST's form, whatever the place, paper and light."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from digits.errors import InputError
from digits.pictures.mnist_form import to_mnist_form
from tests.support.paper import (
    FIVE,
    ONE_ONE,
    OPEN_FOUR,
    SEVEN,
    as_image,
    grainy,
    ruled,
    shaded,
    shadowed,
    write_strokes,
)

DIGITS = {"seven": SEVEN, "five with a separate bar": FIVE, "open four": OPEN_FOUR}


def form_of(picture: Image.Image) -> np.ndarray:
    return to_mnist_form(picture.convert("RGB"))


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean difference of two images in levels, where either has ink."""
    return float(np.abs(a.astype(int) - b)[(a > 0) | (b > 0)].mean())


@pytest.mark.parametrize("strokes", DIGITS.values(), ids=DIGITS)
def test_digit_fills_its_box_and_has_its_centre_of_mass_in_the_middle(strokes):
    image = form_of(write_strokes(strokes))
    rows, columns = np.nonzero(image.any(axis=1))[0], np.nonzero(image.any(axis=0))[0]
    assert (image.shape, image.dtype, image.max()) == ((28, 28), np.uint8, 255)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    # As in MNIST, where the mean over images is (14, 14), pixels counted from 0; within half a
    # pixel, as images move by whole ones.
    assert ndimage.center_of_mass(image) == pytest.approx((14, 14), abs=0.51)


@pytest.mark.slow
def test_images_of_mnist_stay_nearly_as_they_are(mnist):
    images = mnist["test"][0][:40]
    found = [form_of(Image.fromarray(image)) for image in images]
    # An image may move by a whole pixel if its centre of mass is near half a pixel.
    pairs = list(zip(found, images, strict=True))
    correlations = [np.corrcoef(mine.ravel(), image.ravel())[0, 1] for mine, image in pairs]
    assert np.median(correlations) > 0.93
    ink = [mine.sum() / image.sum() for mine, image in pairs]
    assert np.mean(ink) == pytest.approx(0.95, abs=0.1)


@settings(max_examples=15, deadline=None)
@given(
    side=st.integers(60, 1500),
    left=st.integers(0, 800),
    top=st.integers(0, 800),
    right=st.integers(0, 800),
    levels=st.sampled_from([(0, 255), (255, 0), (90, 200), (220, 60)]),
)
def test_size_place_and_levels_make_no_difference(side, left, top, right, levels):
    """The margins are in parts of 400 of the side."""
    ink, paper = levels
    larger = Image.new("L", (400 + left + right, 400 + top), paper)
    larger.paste(write_strokes(SEVEN, ink=ink, paper=paper), (left, top))
    scaled = larger.resize(
        (larger.width * side // 400, larger.height * side // 400), Image.Resampling.LANCZOS
    )
    # The smallest of these sevens is eleven pixels high.
    assert difference(form_of(scaled), form_of(write_strokes(SEVEN))) < 50


@pytest.mark.parametrize(
    "colours",
    [
        ("#1a2fa0", "#f0ead6"),
        ("#fae63c", "#ffffff"),
        ("#c81e1e", "#148214"),
        ("#ffffff", "#20262e"),
    ],
)
def test_ink_and_paper_may_have_any_colours(colours):
    ink, paper = (Image.new("RGB", (400, 400), colour) for colour in colours)
    coloured = Image.composite(paper, ink, write_strokes(SEVEN))
    assert difference(form_of(coloured), form_of(write_strokes(SEVEN))) < 15


def test_a_fine_pen_is_thickened_so_that_it_shows():
    fine, usual = (form_of(write_strokes(SEVEN, side=1200, width=width)) for width in (0.006, 0.05))
    assert np.percentile(fine[fine > 0], 75) > 200
    assert fine.sum() / usual.sum() == pytest.approx(1, abs=0.2)


def test_light_lines_and_shadow_make_no_difference(generator):
    plain = np.asarray(write_strokes(SEVEN, ink=40, paper=215), float) / 255
    photograph = grainy(
        shadowed(shaded(ruled(plain, generator), generator, 0.3), generator), generator
    )
    assert difference(form_of(as_image(photograph)), form_of(as_image(plain))) < 40


@pytest.mark.parametrize("strokes", [FIVE, OPEN_FOUR], ids=["five", "four"])
def test_broken_strokes_stay_together(strokes):
    whole, bar = form_of(write_strokes(strokes)), form_of(write_strokes(strokes[:1]))
    assert difference(whole, bar) > 30


def test_specks_and_a_line_from_rim_to_rim_are_dropped():
    picture = write_strokes(SEVEN)
    picture.paste(0, (30, 30, 36, 36))
    picture.paste(0, (0, 380, 400, 384))
    assert np.array_equal(form_of(picture), form_of(write_strokes(SEVEN)))


@pytest.mark.parametrize("paper", [0, 128, 255])
def test_plain_picture_is_blank(paper):
    with pytest.raises(InputError, match="is blank"):
        form_of(Image.new("L", (300, 200), paper))


def test_paper_with_grain_and_shading_is_blank(generator):
    paper = np.full((600, 800), 0.8)
    for picture in (
        grainy(paper, generator),
        shaded(paper, generator, 0.5),
        grainy(shadowed(shaded(paper, generator, 0.3), generator), generator),
    ):
        with pytest.raises(InputError, match="is blank"):
            form_of(as_image(picture))


@pytest.mark.parametrize(
    "strokes",
    [ONE_ONE, [[(x, 0.3), (x, 0.7)] for x in (0.2, 0.5, 0.8)]],
    ids=["11", "111"],
)
def test_several_digits_are_refused(strokes):
    with pytest.raises(InputError, match=f"has {len(strokes)} separate glyphs"):
        form_of(write_strokes(strokes))


@pytest.mark.slow
def test_two_images_of_mnist_side_by_side_are_refused(mnist):
    images = mnist["test"][0][:100]
    refused = 0
    for left, right in zip(images[::2], images[1::2], strict=True):
        try:
            form_of(Image.fromarray(np.pad(np.hstack([left, right]), 10)))
        except InputError as error:
            refused += "separate glyphs" in str(error)
    assert refused >= 45  # of 50; a bar beside a wide low digit may be less than half as tall


def test_a_strip_is_refused():
    with pytest.raises(InputError, match="is a narrow strip, 300 times as long as wide"):
        form_of(Image.new("L", (3000, 10)))
