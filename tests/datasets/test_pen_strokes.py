"""Curves pass through their control points: smooth between corners, sharp at corners."""

import numpy as np
import pytest

from digits.datasets.allographs import ALLOGRAPHS, Allograph
from digits.datasets.pen_strokes import spline, trace


@pytest.mark.parametrize(
    ("digit", "name"),
    [(digit, name) for digit, allographs in ALLOGRAPHS.items() for name in allographs],
)
def test_curve_passes_through_every_point(digit, name):
    allograph = ALLOGRAPHS[digit][name]
    assert allograph.share > 0
    assert all(len(stroke) > 1 for stroke in allograph.strokes)
    points = np.concatenate(allograph.strokes)
    assert np.ptp(points[:, 1]) > 0.7
    curve = trace(allograph, points[np.newaxis])[0]
    for point in points:
        # Every control point lies on the curve, up to rounding.
        assert np.abs(curve - point).max(axis=1).min() < 1e-12


def test_spline_follows_a_straight_line_and_halves_a_turn():
    straight = spline(np.array([[[0, 0], [1, 2], [2, 4]]], float), np.array([2, 2]))
    assert np.allclose(straight[0, :, 1], 2 * straight[0, :, 0])
    # By hand, at t = 1/2: p = (-p0 + 9 p1 + 9 p2 - p3) / 16.
    turn = spline(np.array([[[0, 0], [0, 1], [1, 1], [1, 0]]], float), np.array([1, 2, 1]))
    assert turn[0, 2].tolist() == [0.5, 1.125]


def test_corner_stays_sharp():
    corner = Allograph(1, "0,0 0,5 0,10 0,10 5,10 10,10")
    curve = trace(corner, np.concatenate(corner.strokes)[np.newaxis])[0]
    assert ((curve[:, 0] == 0) | (curve[:, 1] == 1)).all()
