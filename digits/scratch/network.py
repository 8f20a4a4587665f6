"""The network: layers in a row, forward, and backward by the chain rule."""

import numpy as np

from digits.scratch.layers import Gradients, Layer
from digits.scratch.losses import Loss, softmax, softmax_cross_entropy


class Network:
    """Layers in a row, whose parameters lie one after another in the flat vector `parameters`.

    Each layer's W and b are views of it, so that an optimizer moves all of them in one go.
    """

    def __init__(
        self, layers: list[Layer], arrays: list[Gradients], loss: Loss = softmax_cross_entropy
    ):
        """`arrays` holds the initial parameters of each layer by name, an empty mapping where it
        has none; they are copied.
        """
        self.layers, self.loss = layers, loss
        self.shapes = [
            {role: array.shape for role, array in of_layer.items()} for of_layer in arrays
        ]
        self.use(
            np.concatenate([array.ravel() for of_layer in arrays for array in of_layer.values()])
        )
        self.differs_in_training = any(layer.differs_in_training for layer in layers)
        self.couples_samples = any(layer.couples_samples for layer in layers)
        # Nobody asks for the gradient of the images: going back ends at the first layer with
        # parameters.
        self.first = next(index for index, of_layer in enumerate(arrays) if of_layer)
        layers[self.first].needs_d_x = False

    def use(self, parameters: np.ndarray) -> None:
        """Make a flat vector the network's parameters, where it lies."""
        self.parameters = parameters
        for layer, views in zip(self.layers, self.views(parameters), strict=True):
            for role, view in views.items():
                setattr(layer, role, view)

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
        return softmax(self.logits(x))

    def gradient(
        self,
        x: np.ndarray,
        labels: np.ndarray,
        n_batch: int,
        generator: np.random.Generator | None,
        gradients: list[Gradients],
    ) -> tuple[float, int]:
        """Write the gradient of sum_i L_i / n_batch over some samples of a batch into `gradients`;
        return the sum, and how many are right.

        Chain rule: a layer turns the gradient in its output, d_y, into those in its parameters and
        in its input; the latter is d_y of the layer before.
        """
        saved = []
        for layer in self.layers:
            x, of_layer = layer.forward(x, generator)
            saved.append(of_layer)
        losses, d_y = self.loss(x, labels)
        d_y /= n_batch
        for index in range(len(self.layers) - 1, self.first - 1, -1):
            d_x = self.layers[index].backward(d_y, saved[index], gradients[index])
            d_y = d_x  # type: ignore[assignment]  # None only after the last
        return float(losses.sum(dtype=np.float64)) / n_batch, int(
            (x.argmax(axis=1) == labels).sum()
        )

    def penalty(self, l2: float) -> float:
        """Return l2 / 2 * sum W^2."""
        return (
            l2
            / 2
            * sum(
                float(np.vdot(views["W"], views["W"]))
                for views in self.views(self.parameters)
                if "W" in views
            )
        )

    def add_penalty_gradient(self, gradient: np.ndarray, l2: float) -> None:
        """Add l2 W, the gradient of the penalty, to a flat gradient."""
        if l2:
            for views, parameters in zip(
                self.views(gradient), self.views(self.parameters), strict=True
            ):
                if "W" in views:
                    views["W"] += l2 * parameters["W"]

    def count_multiplications(self, x: np.ndarray) -> int:
        """Return how many multiplications the plain forward pass takes for one sample of x."""
        count, x = 0, x[:1]
        for layer, shapes in zip(self.layers, self.shapes, strict=True):
            x, _ = layer.forward(x, None)
            if "W" in shapes:  # each value of W serves at each place of the output
                count += layer.W.size * layer.places_a_value * x.size // x.shape[-1]
        return count
