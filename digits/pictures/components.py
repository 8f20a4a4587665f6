"""Which pieces of ink are the digit: strokes may be broken, but two glyphs are not one, and specks
and lines are none.

Maps of ink are bool (height, width). A piece is what hangs together, over corners too.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from digits.errors import InputError

SPECK = 0.12  # of the greatest piece's longer side: a piece no larger, either way, is dirt
MIN_SIDE = 0.025  # of the picture's longer side: a digit is larger
GLYPH = 0.5  # of the tallest piece's height: a piece as tall, and apart, is a digit by itself
APART = 0.13  # of the tallest piece's height: pieces of one digit come nearer to each other
FAR = 0.6  # of the greatest piece's longer side: what lies farther off does not belong to the digit
MAX_ASPECT = 2.5  # width over height; in MNIST's test set at most 1.7


class Piece(NamedTuple):
    label: int
    rows: slice
    columns: slice

    @property
    def height(self) -> int:
        return self.rows.stop - self.rows.start

    @property
    def width(self) -> int:
        return self.columns.stop - self.columns.start

    @property
    def side(self) -> int:
        return max(self.height, self.width)

    def touches_rim(self, shape: tuple[int, ...]) -> bool:
        return (
            self.rows.start == 0
            or self.columns.start == 0
            or self.rows.stop == shape[0]
            or self.columns.stop == shape[1]
        )


def pieces_of_one_digit(is_ink: np.ndarray) -> np.ndarray:
    """Return where the digit is; raise InputError where there is none, or more than one."""
    labels, _ = ndimage.label(is_ink, np.ones((3, 3)))
    pieces = [
        Piece(label, *place) for label, place in enumerate(ndimage.find_objects(labels), start=1)
    ]
    pieces = without_rim(pieces, is_ink.shape)
    main = max(pieces, key=lambda piece: piece.side, default=None)
    if main is None or main.side < MIN_SIDE * max(is_ink.shape):
        raise InputError("is blank: there are specks, but no digit")
    pieces = [piece for piece in pieces if piece.side > SPECK * main.side]
    tallest = max(piece.height for piece in pieces)
    glyphs = [piece for piece in pieces if piece.height >= GLYPH * tallest]
    groups = group_near(labels, glyphs, APART * tallest)
    if groups > 1:
        raise InputError(f"has {groups} separate glyphs; expected one digit")
    near = ndimage.distance_transform_edt(labels != main.label) <= FAR * main.side
    is_digit = np.isin(
        labels, [piece.label for piece in pieces if near[labels == piece.label].any()]
    )
    rows, columns = (np.flatnonzero(is_digit.any(axis=axis)) for axis in (1, 0))
    if np.ptp(columns) + 1 > MAX_ASPECT * (np.ptp(rows) + 1):
        raise InputError("has ink much wider than high; expected one digit")
    return is_digit


def without_rim(pieces: list[Piece], shape: tuple[int, ...]) -> list[Piece]:
    """Return the pieces without what reaches in from outside: a ruled line, the table's edge, half
    of a neighbouring glyph.

    What touches the picture's rim is that if there is something within, of at least a tenth of the
    picture, that it does not overlap.
    """
    within = [piece for piece in pieces if not piece.touches_rim(shape)]
    main = max(within, key=lambda piece: piece.side, default=None)
    if main is None or main.side < max(shape) / 10:
        return pieces
    return [piece for piece in pieces if not piece.touches_rim(shape) or overlap(piece, main)]


def overlap(a: Piece, b: Piece) -> bool:
    """Return whether the boxes around two pieces overlap."""
    return all(
        mine.start < its.stop and its.start < mine.stop
        for mine, its in ((a.rows, b.rows), (a.columns, b.columns))
    )


def group_near(labels: np.ndarray, pieces: list[Piece], gap: float) -> int:
    """Return into how many groups the pieces fall if those no farther apart than the gap are in
    one.
    """
    is_far = ~np.isin(labels, [piece.label for piece in pieces])
    return ndimage.label(ndimage.distance_transform_edt(is_far) <= gap / 2)[1]
