"""torchvision's data sets, also where torchvision was built for another PyTorch.

The default package index has torchvision built for CUDA. Beside a CPU-only PyTorch its import stops
at the missing operators torchvision::nms and torchvision::qnms, which no data set uses: declaring
them is enough (seen with torch 2.13.0, torchvision 0.28.0).
"""

import torch

DECLARATIONS = torch.library.Library("torchvision", "FRAGMENT")  # they last as long as this object
try:
    import torchvision  # noqa: F401
except RuntimeError as error:
    if "torchvision::nms does not exist" not in str(error):
        raise
    for name in ("nms", "qnms"):
        DECLARATIONS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from torchvision.datasets import EMNIST, KMNIST, MNIST, FashionMNIST
from torchvision.datasets.utils import check_integrity, download_url

__all__ = ["EMNIST", "KMNIST", "MNIST", "FashionMNIST", "check_integrity", "download_url"]
