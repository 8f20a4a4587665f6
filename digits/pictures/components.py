"""Find the connected components of ink that form the digit.

A digit's strokes may be broken. Two glyphs are not one digit. Specks and lines are not part of a
digit. Maps of ink are bool (height, width). Pixels that touch at a corner are connected.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from digits.errors import InputError

# Lengths are shares of another length.
MAX_SPECK = 0.12  # of the largest component's longer side: components up to this are dirt
MIN_SIDE = 0.025  # of the picture's longer side: a digit is larger
MIN_GLYPH = 0.5  # of the tallest component's height: a component this tall may be a whole digit
MAX_GAP = 0.13  # of the tallest component's height: the gaps between parts of a digit are smaller
MAX_DISTANCE = 0.6  # of the largest component's longer side: a digit's parts are nearer
MAX_ASPECT = 2.5  # width over height; in MNIST's test set at most 1.7


class Component(NamedTuple):
    """A connected component of ink: its label in the map of labels, and its bounding box."""

    label: int
    rows: slice
    columns: slice

    @property
    def height(self) -> int:
        return int(self.rows.stop - self.rows.start)

    @property
    def width(self) -> int:
        return int(self.columns.stop - self.columns.start)

    @property
    def side(self) -> int:
        """The longer side."""
        return max(self.height, self.width)

    def touches_border(self, shape: tuple[int, ...]) -> bool:
        """Return whether the component reaches the border of a picture of that shape."""
        ends: tuple[int, ...] = (self.rows.stop, self.columns.stop)
        return 0 in (self.rows.start, self.columns.start) or any(
            end == side for end, side in zip(ends, shape, strict=True)
        )


def find_digit(is_ink: np.ndarray) -> np.ndarray:
    """Return a mask of the digit, bool; raise InputError if there is none, or more than one."""
    labels, components = find_components(is_ink)
    components = drop_components_at_border(components, is_ink.shape)
    main = find_largest(components)
    if main is None or main.side < MIN_SIDE * max(is_ink.shape):
        raise InputError("is blank: it has specks, but no digit")
    components = [part for part in components if part.side > MAX_SPECK * main.side]
    check_one_glyph(labels, components)
    near = ndimage.distance_transform_edt(labels != main.label) <= MAX_DISTANCE * main.side
    parts = [part.label for part in components if near[labels == part.label].any()]
    is_digit = np.isin(labels, parts)
    rows, columns = (np.flatnonzero(is_digit.any(axis=axis)) for axis in (1, 0))
    if np.ptp(columns) + 1 > MAX_ASPECT * (np.ptp(rows) + 1):
        raise InputError("has ink that is much wider than high; expected one digit")
    return is_digit


def find_components(is_ink: np.ndarray) -> tuple[np.ndarray, list[Component]]:
    """Return a map of labels, 0 where there is no ink, and the components."""
    labels, _ = ndimage.label(is_ink, np.ones((3, 3)))
    boxes = ndimage.find_objects(labels)
    return labels, [Component(label, *box) for label, box in enumerate(boxes, start=1)]


def find_largest(components: list[Component]) -> Component | None:
    """Return the component with the longest side; None if there is no component."""
    return max(components, key=lambda component: component.side, default=None)


def drop_components_at_border(
    components: list[Component], shape: tuple[int, ...]
) -> list[Component]:
    """Return the components without those that reach in from outside the picture.

    Examples are a ruled line, the table's edge and half of a neighbouring glyph. A component at the
    picture's border is dropped if it does not overlap the largest component inside. That component
    must be large enough to be the digit; otherwise all components are kept.
    """
    inside = [component for component in components if not component.touches_border(shape)]
    main = find_largest(inside)
    if main is None or main.side < max(shape) / 10:
        return components
    return [part for part in components if not part.touches_border(shape) or overlap(part, main)]


def overlap(a: Component, b: Component) -> bool:
    """Return whether the bounding boxes overlap."""
    sides = ((a.rows, b.rows), (a.columns, b.columns))
    return all(one.start < other.stop and other.start < one.stop for one, other in sides)


def check_one_glyph(labels: np.ndarray, components: list[Component]) -> None:
    """Raise InputError if components that are tall enough to be digits are far apart."""
    tallest = max(component.height for component in components)
    glyphs = [component for component in components if component.height >= MIN_GLYPH * tallest]
    n_groups = count_groups(labels, glyphs, MAX_GAP * tallest)
    if n_groups > 1:
        raise InputError(f"has {n_groups} separate glyphs; expected one digit")


def count_groups(labels: np.ndarray, components: list[Component], gap: float) -> int:
    """Return the number of groups; components no farther apart than the gap are in one group."""
    is_far = ~np.isin(labels, [component.label for component in components])
    return int(ndimage.label(ndimage.distance_transform_edt(is_far) <= gap / 2)[1])
