"""PyTorch in several processes: torch.distributed and its DistributedDataParallel, on one machine
or more.

torchrun starts the processes, or the first of them does: `processes` in params.yaml. They exchange
by gloo, on GPUs by NCCL.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from digits.backends.torch.network import find_device
from digits.errors import InputError
from digits.training.launch import free_ports, started
from digits.training.params import Params
from digits.training.team import Team


@contextmanager
def join(params: Params) -> Iterator[Team]:
    """Yield this process's team: torchrun's, or that of `processes` in params.yaml, whose others
    are started here and end with the body.
    """
    device = find_device(params.device)
    n = params.processes
    common = {
        "WORLD_SIZE": n,
        "LOCAL_WORLD_SIZE": n,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": free_ports(1)[0],
    }
    environments = [
        {name: str(value) for name, value in (common | {"RANK": k, "LOCAL_RANK": k}).items()}
        for k in range(n)
    ]
    with (
        started("LOCAL_RANK", environments) as several,
        process_group(device) if several else nullcontext(Team(device=device)) as team,
    ):
        yield team


@contextmanager
def process_group(device: str) -> Iterator[Team]:
    """Yield the team that the environment variables of torchrun tell of. Each process of a machine
    has a GPU of its own.
    """
    local_rank, n_here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if device == "cuda":
        if n_here > torch.cuda.device_count():
            raise InputError(
                f"{n_here} processes on this machine have {torch.cuda.device_count()} GPUs; expected a GPU for each, or device: cpu"
            )
        torch.cuda.set_device(local_rank)
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    yield TorchTeam(dist.get_rank(), dist.get_world_size(), n_here, device)
    dist.destroy_process_group()


class TorchTeam(Team):
    """The processes of torch.distributed's default group."""

    def sum(self, array: np.ndarray) -> np.ndarray:
        total = torch.tensor(array, device=self.device)
        dist.all_reduce(total)
        return total.cpu().numpy()

    def spread(self, network: nn.Sequential) -> nn.Module:
        """Return the network, with the same parameters, as one whose gradients are the sums of all
        processes' and whose batches are whole.
        """
        whole = nn.Sequential(
            *(
                WholeBatchNorm(module) if isinstance(module, _BatchNorm) else module
                for module in network
            )
        )
        spread = DistributedDataParallel(whole, forward_sync_buffers=False)
        spread.register_comm_hook(None, add_up_gradients)
        return spread


def add_up_gradients(_, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
    """Add up gradients, where DistributedDataParallel would take their mean: each process's loss is
    its part of the batch's.
    """
    return (
        dist.all_reduce(bucket.buffer(), async_op=True)
        .get_future()
        .then(lambda future: future.value()[0])
    )


class AddUp(torch.autograd.Function):
    """y = sum of all processes' x. Every process's loss may depend on y, so d_x is the sum of all
    processes' d_y.
    """

    @staticmethod
    def forward(_, x: torch.Tensor) -> torch.Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_, d_y: torch.Tensor) -> torch.Tensor:
        return AddUp.forward(_, d_y)


class WholeBatchNorm(nn.Module):
    """PyTorch's BatchNorm in training, over the whole mini-batch, of which each process has a part.
    (Its SyncBatchNorm needs GPUs.)
    """

    def __init__(self, norm: _BatchNorm):
        super().__init__()
        self.norm: Any = norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        axes = [0, 2, 3][: x.ndim - 1]
        shape = [1, -1, 1, 1][: x.ndim]
        n = AddUp.apply(x.new_tensor(x.numel() / x.shape[1]))
        mean = AddUp.apply(x.sum(axes)) / n
        centred = x - mean.view(shape)
        variance = AddUp.apply(centred.square().sum(axes)) / n
        with torch.no_grad():
            self.norm.running_mean.lerp_(mean, self.norm.momentum)
            self.norm.running_var.lerp_(variance * n / (n - 1), self.norm.momentum)
        scale = self.norm.weight / (variance + self.norm.eps).sqrt()
        return centred * scale.view(shape) + self.norm.bias.view(shape)
