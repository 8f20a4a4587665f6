"""PyTorch in several processes, on one machine or more: torch.distributed's data parallelism.

torchrun or another launcher starts the ranks. Without one, rank 0 starts as many as `processes` in
params.yaml. They communicate through gloo, on GPUs through NCCL.
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
from digits.training.run import Run
from digits.training.team import Team

# What a launcher tells each process. One that starts a single process on each machine may leave out
# LOCAL_RANK and LOCAL_WORLD_SIZE.
NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
LOCAL = {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}


@contextmanager
def join(run: Run) -> Iterator[Team]:
    """Yield the process group of a launcher or, without one, of `processes` in params.yaml.

    Without a launcher, this process starts the other ranks. They end with the body.
    """
    device = find_device(run.device)
    size = launched_size()
    n = run.processes if size is None else 1
    common = {
        "WORLD_SIZE": n,
        "LOCAL_WORLD_SIZE": n,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": free_ports(1)[0],
    }
    environments = []
    for rank in range(n):
        variables = common | {"RANK": rank, "LOCAL_RANK": rank}
        environments.append({name: str(value) for name, value in variables.items()})
    with (
        started(size is not None and size > 1, environments) as several,
        process_group(device) if several else nullcontext(Team(device=device)) as team,
    ):
        yield team


def launched_size() -> int | None:
    """Return how many processes a launcher has started; None if none has started this one.

    Raises InputError if a launcher's variable is missing or no whole number.
    """
    given = [name for name in (*NEEDED, *LOCAL) if name in os.environ]
    if set(given) <= {"MASTER_ADDR", "MASTER_PORT"}:
        return None
    for name in given:
        if name != "MASTER_ADDR" and not os.environ[name].isdecimal():
            raise InputError(f"{name} is {os.environ[name]!r}; expected a whole number")
    if os.environ.get("WORLD_SIZE") == "1":
        return 1
    needed = [*NEEDED, *(LOCAL if set(LOCAL) & set(given) else ())]
    if missing := [name for name in needed if name not in given]:
        raise InputError(
            f"the environment has {given[0]}, but no {missing[0]}; "
            f"a launcher such as torchrun sets {', '.join(needed)}; without one, unset {given[0]}"
        )
    for name, value in LOCAL.items():
        os.environ.setdefault(name, value)
    return int(os.environ["WORLD_SIZE"])


@contextmanager
def process_group(device: str) -> Iterator[Team]:
    """Yield the process group that the launcher's environment variables describe.

    Each rank on a machine has its own GPU.
    """
    local_rank, n_here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if device == "cuda":
        n_gpus = torch.cuda.device_count()
        if n_here > n_gpus:
            raise InputError(
                f"this machine has {n_here} ranks and {n_gpus} GPUs; "
                "expected a GPU for each rank, or device: cpu in params.yaml"
            )
        torch.cuda.set_device(local_rank)
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    yield TorchTeam(dist.get_rank(), dist.get_world_size(), n_here, device)
    dist.destroy_process_group()


class TorchTeam(Team):
    """torch.distributed's default process group."""

    def sum(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of the arrays that all ranks pass in."""
        total = torch.tensor(array, device=self.device)
        dist.all_reduce(total)
        summed: np.ndarray = total.cpu().numpy()
        return summed

    def spread(self, network: nn.Sequential) -> nn.Module:
        """Return a network with the same parameters that trains on the whole mini-batch.

        Its gradients and its batch-norm statistics are sums over all ranks.
        """
        modules = [
            WholeBatchNorm(module) if isinstance(module, _BatchNorm) else module
            for module in network
        ]
        spread = DistributedDataParallel(nn.Sequential(*modules), forward_sync_buffers=False)
        spread.register_comm_hook(None, add_up_gradients)
        return spread


# PyTorch accepts these annotations only.
def add_up_gradients(
    _: object,
    bucket: dist.GradBucket,  # type: ignore[name-defined]
) -> torch.futures.Future[torch.Tensor]:
    """Sum gradients; DistributedDataParallel would take their mean.

    Each rank's loss is its part of the mini-batch's loss.
    """
    reduced = dist.all_reduce(bucket.buffer(), async_op=True).get_future()
    gradients: torch.futures.Future[torch.Tensor] = reduced.then(lambda future: future.value()[0])
    return gradients


class AddUp(torch.autograd.Function):
    """y = sum of the x of all ranks.

    Every rank's loss may depend on y, so d_x is the sum of the d_y of all ranks.
    """

    @staticmethod
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        return add_up(x)

    @staticmethod
    def backward(_: Any, d_y: torch.Tensor) -> torch.Tensor:
        return add_up(d_y)


def add_up_with_gradient(x: torch.Tensor) -> torch.Tensor:
    """Return the sum of the tensors of all ranks, as a step that gradients pass through."""
    y: torch.Tensor = AddUp.apply(x)  # type: ignore[no-untyped-call]
    return y


def add_up(x: torch.Tensor) -> torch.Tensor:
    """Return the sum of the tensors of all ranks."""
    total = x.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


class WholeBatchNorm(nn.Module):
    """PyTorch's BatchNorm in training, over the whole mini-batch of all ranks.

    PyTorch's own SyncBatchNorm needs GPUs.
    """

    def __init__(self, norm: _BatchNorm):
        super().__init__()
        self.norm: Any = norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        axes = [0, 2, 3][: x.ndim - 1]
        shape = [1, -1, 1, 1][: x.ndim]
        n = add_up_with_gradient(x.new_tensor(x.numel() / x.shape[1]))
        mean = add_up_with_gradient(x.sum(axes)) / n
        centred = x - mean.view(shape)
        variance = add_up_with_gradient(centred.square().sum(axes)) / n
        with torch.no_grad():
            self.norm.running_mean.lerp_(mean, self.norm.momentum)
            self.norm.running_var.lerp_(variance * n / (n - 1), self.norm.momentum)
        scale = self.norm.weight / (variance + self.norm.eps).sqrt()
        y: torch.Tensor = centred * scale.view(shape) + self.norm.bias.view(shape)
        return y
