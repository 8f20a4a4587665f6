"""The network: layers in a row, forward, and backward by the chain rule."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from digits.scratch.layers import Gradients, Layer
from digits.scratch.losses import softmax, softmax_cross_entropy

# How a batch is cut into shards depends on its size alone, not on the number of threads: sums are then always taken in the same order,
# and the result is the same to the last bit. Handing over a shard costs some 50 microseconds, so it must hold a fair amount of work.
MAX_SHARDS = 4
MIN_SHARD_MULTIPLICATIONS = 10_000_000
PREDICT_BATCH = 1000


class Result(NamedTuple):
    """Of a batch: the mean loss over its samples, how many were classified right, and the gradient, flat."""

    loss: float
    n_correct: int
    gradient: np.ndarray


class Network:
    """Layers in a row, whose parameters lie one after another in the flat vector `parameters`.

    Each layer's W and b are views of it, so that an optimizer moves all of them in one go. The threads share the shards of a batch; the
    matrix products inside NumPy had best be held to one thread each (threadpoolctl), or they compete for the same cores.
    """

    def __init__(self, layers: list[Layer], arrays: list[Gradients], threads: int = 1):
        """`arrays` holds the initial parameters of each layer by name, an empty mapping where it has none."""
        self.layers = layers
        self.pool = ThreadPoolExecutor(threads)
        self.multiplications = 0  # of one sample's forward pass; counted when the first one comes
        self.shapes = [{role: array.shape for role, array in layer_arrays.items()} for layer_arrays in arrays]
        self.parameters = np.concatenate([array.ravel() for layer_arrays in arrays for array in layer_arrays.values()])
        for layer, views in zip(layers, self.views(self.parameters), strict=True):
            for role, view in views.items():
                setattr(layer, role, view)
        layers[0].needs_d_x = False

    def views(self, vector: np.ndarray) -> list[Gradients]:
        """Return views of a flat vector, by name, for each layer."""
        views: list[Gradients] = []
        start = 0
        for shapes in self.shapes:
            views.append({})
            for role, shape in shapes.items():
                size = int(np.prod(shape))
                views[-1][role] = vector[start : start + size].reshape(shape)
                start += size
        return views

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Return the output of the last layer, as it is when not training."""
        for layer in self.layers:
            x, _ = layer.forward(x, None)
        return x

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes, (n, n_classes)."""
        batches = [x[start : start + PREDICT_BATCH] for start in range(0, len(x), PREDICT_BATCH)]
        return np.concatenate(self.in_threads(lambda batch: softmax(self.logits(batch)), batches))

    def loss_and_gradient(self, x: np.ndarray, labels: np.ndarray, l2: float = 0.0, seed: list[int] | None = None) -> Result:
        """Return the result of a batch; `seed` is that of its dropout. The gradient is that of the mean loss + l2 / 2 * sum W^2."""
        shards = list(enumerate(np.array_split(np.arange(len(x)), self.count_shards(x))))

        def of_shard(shard: tuple[int, np.ndarray]) -> tuple[float, int, np.ndarray]:
            number, samples = shard
            generator = np.random.default_rng([*(seed or []), number])
            return self.shard_gradient(x[samples[0] : samples[-1] + 1], labels[samples[0] : samples[-1] + 1], generator)

        losses, n_correct, gradients = zip(*self.in_threads(of_shard, shards), strict=True)
        gradient = sum(gradients[1:], gradients[0])
        gradient /= len(x)
        for views, parameters in zip(self.views(gradient), self.views(self.parameters), strict=True):
            if l2 and "W" in views:
                views["W"] += l2 * parameters["W"]
        return Result(sum(losses) / len(x), sum(n_correct), gradient)

    def count_shards(self, x: np.ndarray) -> int:
        """Return into how many shards a batch is cut."""
        if self.multiplications == 0:
            sample = x[:1]
            for layer, shapes in zip(self.layers, self.shapes, strict=True):
                sample, _ = layer.forward(sample, None)
                if "W" in shapes:  # each value of W serves at each position of the output
                    self.multiplications += layer.W.size * sample.size // sample.shape[-1]
        most = min(MAX_SHARDS, len(x), len(x) * self.multiplications // MIN_SHARD_MULTIPLICATIONS)
        return max(1, most)

    def shard_gradient(self, x: np.ndarray, labels: np.ndarray, generator: np.random.Generator) -> tuple[float, int, np.ndarray]:
        """Return summed loss, number right, and the summed loss's gradient: forward through the layers, and back through them.

        Chain rule: a layer turns the gradient in its output, d_y, into those in its parameters and in its input; the latter is d_y of the
        layer before.
        """
        saved = []
        for layer in self.layers:
            x, of_layer = layer.forward(x, generator)
            saved.append(of_layer)
        losses, d_y = softmax_cross_entropy(x, labels)
        gradient = np.empty_like(self.parameters)
        for layer, of_layer, views in zip(self.layers[::-1], saved[::-1], self.views(gradient)[::-1], strict=True):
            d_y, d_parameters = layer.backward(d_y, of_layer)
            for role, view in views.items():
                view[...] = d_parameters[role]
        return float(losses.sum(dtype=np.float64)), int((x.argmax(axis=1) == labels).sum()), gradient

    def penalty(self, l2: float) -> float:
        """Return l2 / 2 * sum W^2."""
        return l2 / 2 * sum(float(np.vdot(views["W"], views["W"])) for views in self.views(self.parameters) if "W" in views)

    def in_threads(self, function: Callable, items: list) -> list:
        """Return function(item) for each item, in order."""
        return list(self.pool.map(function, items)) if len(items) > 1 else [function(item) for item in items]
