"""A sheet of paper on a darker table, of which the picture shows some on three sides at least: what
counts is on the sheet.

On fewer sides, what is dark may as well be a shadow, under which the digit may be.

Pictures are float32 (height, width, 3) from 0 to 1.
"""

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.measure import label, regionprops

MIN_SHARE = 0.3  # of the picture
# Of the sheet's convex hull that is bright: what is written on it takes away little. A light
# digit's strokes leave more of theirs dark.
MIN_SOLIDITY = 0.85
MAX_ASPECT = 2.2  # of the longer side to the shorter; a light 1 is a solid bar too
EDGE = 0.02  # of the picture's longer side: the sheet's edge and the shadow beside it


def without_table(picture: np.ndarray) -> np.ndarray:
    """Return the part of the picture with the sheet, in whose corners the paper goes on as at its
    edge; without a sheet, the whole picture.
    """
    grey = picture.mean(axis=2)
    if not np.ptp(grey):
        return picture
    sheet = max(regionprops(label(grey > threshold_otsu(grey))), key=lambda region: region.area)
    top, left, bottom, right = sheet.bbox
    n_cut = [top == 0, left == 0, bottom == grey.shape[0], right == grey.shape[1]].count(True)
    aspect = (right - left) / (bottom - top)
    if (
        n_cut > 1
        or sheet.area < MIN_SHARE * grey.size
        or sheet.solidity < MIN_SOLIDITY
        or not 1 / MAX_ASPECT < aspect < MAX_ASPECT
    ):
        return picture
    inside = ndimage.binary_erosion(sheet.image_convex, iterations=round(EDGE * max(grey.shape)))
    rows, columns = ndimage.distance_transform_edt(
        ~inside, return_distances=False, return_indices=True
    )
    return picture[top:bottom, left:right][rows, columns]
