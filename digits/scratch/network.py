"""The network: layers in a row, and their gradients by the chain rule."""

import numpy as np
from numpy.random import Generator

from digits.scratch.layers import Array, Gradients, Layer
from digits.scratch.losses import Labels, Loss, softmax, softmax_cross_entropy


class Network:
    """Layers in a row. All their parameters lie in one flat vector, `parameters`.

    The arrays W and b of the layers are views of it, so an optimizer moves all of them at once.
    """

    def __init__(
        self, layers: list[Layer], arrays: list[Gradients], loss: Loss = softmax_cross_entropy
    ):
        """`arrays` holds each layer's initial parameters by name. They are copied."""
        self.layers, self.loss = layers, loss
        self.shapes = [{name: a.shape for name, a in by_name.items()} for by_name in arrays]
        flat = [array.ravel() for by_name in arrays for array in by_name.values()]
        self.place_parameters(np.concatenate(flat))
        self.differs_in_training = any(layer.differs_in_training for layer in layers)
        self.couples_samples = any(layer.couples_samples for layer in layers)
        # The backward pass ends at the first layer with parameters: no layer needs d_x there.
        self.first = next(index for index, by_name in enumerate(arrays) if by_name)
        layers[self.first].needs_d_x = False

    def place_parameters(self, parameters: Array) -> None:
        """Use this flat vector, without a copy, as the parameters."""
        self.parameters = parameters
        for layer, views in zip(self.layers, self.views(parameters), strict=True):
            for name, view in views.items():
                setattr(layer, name, view)

    def views(self, vector: Array) -> list[Gradients]:
        """Return views of a flat vector: for each layer, its arrays by name."""
        views: list[Gradients] = []
        start = 0
        for shapes in self.shapes:
            views.append({})
            for name, shape in shapes.items():
                end = start + int(np.prod(shape))
                views[-1][name] = vector[start:end].reshape(shape)
                start = end
        return views

    def logits(self, x: Array) -> Array:
        """Return the output of the last layer in prediction, (n, n_classes)."""
        for layer in self.layers:
            x, _ = layer.forward(x, None)
        return x

    def predict(self, x: Array) -> Array:
        """Return the probabilities of the classes, (n, n_classes)."""
        return softmax(self.logits(x))

    def gradient(
        self,
        x: Array,
        labels: Labels,
        n_batch: int,
        generator: Generator | None,
        gradients: list[Gradients],
    ) -> tuple[float, int]:
        """Return sum_i L_i / n_batch over samples of a batch, and how many are classified right.

        Write the gradient into `gradients`. Chain rule: a layer turns the gradient in its output,
        d_y, into those in its parameters and in its input. Its d_x is d_y of the layer before.
        """
        saved = []
        for layer in self.layers:
            x, saved_by_layer = layer.forward(x, generator)
            saved.append(saved_by_layer)
        losses, d_y = self.loss(x, labels)
        d_y /= n_batch
        for index in range(len(self.layers) - 1, self.first - 1, -1):
            d_x = self.layers[index].backward(d_y, saved[index], gradients[index])
            d_y = d_x  # type: ignore[assignment]  # None after the first layer only
        n_correct = int((x.argmax(axis=1) == labels).sum())
        return float(losses.sum(dtype=np.float64)) / n_batch, n_correct

    def penalty(self, l2: float) -> float:
        """Return l2 / 2 * sum W^2."""
        weights = [views["W"] for views in self.views(self.parameters) if "W" in views]
        return l2 / 2 * sum(float(np.vdot(W, W)) for W in weights)

    def add_penalty_gradient(self, gradient: Array, l2: float) -> None:
        """Add l2 W, the gradient of the penalty, to a flat gradient."""
        if l2:
            parameters = self.views(self.parameters)
            for views, layer_parameters in zip(self.views(gradient), parameters, strict=True):
                if "W" in views:
                    views["W"] += l2 * layer_parameters["W"]

    def count_multiplications(self, x: Array) -> int:
        """Return the number of multiplications in the plain forward pass of one sample of x."""
        count, x = 0, x[:1]
        for layer, shapes in zip(self.layers, self.shapes, strict=True):
            x, _ = layer.forward(x, None)
            if "W" in shapes:  # Each value of W is used once for each position.
                count += layer.W.size * layer.positions_per_output * x.size // x.shape[-1]
        return count
