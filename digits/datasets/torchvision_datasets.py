"""Import torchvision's data sets, even if torchvision was built for another PyTorch.

The default package index has a torchvision built for CUDA. With a CPU-only PyTorch, importing it
fails: the operators torchvision::nms and torchvision::qnms are missing. The data sets do not use
them, so declaring them is enough (seen with torch 2.13.0, torchvision 0.28.0).
"""

import torch

# The declarations last as long as this object.
DECLARATIONS = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
try:
    import torchvision  # noqa: F401
except RuntimeError as error:
    if "torchvision::nms does not exist" not in str(error):
        raise
    for name in ("nms", "qnms"):
        schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        DECLARATIONS.define(schema)  # type: ignore[no-untyped-call]

from torchvision.datasets import EMNIST, KMNIST, MNIST, FashionMNIST  # noqa: E402
from torchvision.datasets.utils import check_integrity, download_url  # noqa: E402

__all__ = ["EMNIST", "KMNIST", "MNIST", "FashionMNIST", "check_integrity", "download_url"]
