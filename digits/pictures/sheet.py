"""Crop a picture to the sheet of paper in it, if the sheet lies on a darker table.

The table must show on at least three sides. On fewer sides, the dark area may be a shadow that
contains the digit. Pictures are float32 (height, width, 3) from 0 to 1.
"""

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.measure import label, regionprops

MIN_SHARE = 0.3  # of the picture
# The bright share of the sheet's convex hull. Writing darkens little of a sheet. A light digit
# fills less of its own hull.
MIN_SOLIDITY = 0.85
MAX_ASPECT = 2.2  # longer over shorter side: a light digit 1 is solid too, but longer
EDGE = 0.02  # of the picture's longer side: the sheet's edge and its shadow


def crop_to_sheet(picture: np.ndarray) -> np.ndarray:
    """Return the part of the picture with the sheet; without a sheet, the whole picture.

    The crop is a rectangle. Pixels outside the sheet get the colour of the nearest sheet pixel.
    """
    grey = picture.mean(axis=2)
    if not np.ptp(grey):
        return picture
    sheet = max(regionprops(label(grey > threshold_otsu(grey))), key=lambda region: region.area)
    top, left, bottom, right = sheet.bbox
    sides_at_border = [top == 0, left == 0, bottom == grey.shape[0], right == grey.shape[1]]
    aspect = (right - left) / (bottom - top)
    if (
        sides_at_border.count(True) > 1
        or sheet.area < MIN_SHARE * grey.size
        or sheet.solidity < MIN_SOLIDITY
        or not 1 / MAX_ASPECT < aspect < MAX_ASPECT
    ):
        return picture
    inside = ndimage.binary_erosion(sheet.image_convex, iterations=round(EDGE * max(grey.shape)))
    rows, columns = ndimage.distance_transform_edt(
        ~inside, return_distances=False, return_indices=True
    )
    cropped: np.ndarray = picture[top:bottom, left:right][rows, columns]
    return cropped
