"""TensorFlow: an architecture as a Keras model, its weights, and its predictions.

Keras uses images and weights in the common layout.
"""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from digits.errors import InputError
from digits.model.architecture import (
    BATCH_NORM,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool,
    Relu,
    Shape,
    Sigmoid,
    Weights,
)

PREDICT_BATCH = 1000

# Makes the Keras layer from a layer of the type and the seed.
LAYERS: dict[type[Layer], Callable[[Any, int], keras.layers.Layer]] = {
    Conv: lambda layer, seed: keras.layers.Conv2D(
        layer.filters, layer.kernel_size, layer.stride, layer.padding
    ),
    MaxPool: lambda layer, seed: keras.layers.MaxPooling2D(layer.size),
    Dense: lambda layer, seed: keras.layers.Dense(layer.units),
    Relu: lambda layer, seed: keras.layers.ReLU(),
    Sigmoid: lambda layer, seed: keras.layers.Activation("sigmoid"),
    Flatten: lambda layer, seed: keras.layers.Flatten(),
    Dropout: lambda layer, seed: keras.layers.Dropout(layer.rate, seed=seed),
    BatchNorm: lambda layer, seed: keras.layers.BatchNormalization(
        momentum=BATCH_NORM.momentum, epsilon=BATCH_NORM.epsilon
    ),
}


def build(layers: Architecture, input_shape: Shape, seed: int) -> keras.Sequential:
    """Return the network before its weights are set; `seed` is the seed of its dropout."""
    built = [LAYERS[type(layer)](layer, seed) for layer in layers]
    return keras.Sequential([keras.Input(input_shape), *built])


def predict(
    layers: Architecture, weights: Weights, images: np.ndarray, *, threads: int
) -> np.ndarray:
    """Return the classes' probabilities, float32 (n, n_classes)."""
    use_threads(threads)
    network = build(layers, images.shape[1:], seed=0)
    network.set_weights(list(weights.values()))
    probabilities = []
    with tf.device("CPU"):
        for start in range(0, len(images), PREDICT_BATCH):
            logits = network(images[start : start + PREDICT_BATCH], training=False)
            probabilities.append(tf.nn.softmax(logits).numpy())
    return np.concatenate(probabilities)


def find_device(device: str) -> str:
    """Return "cpu" or "cuda"; "auto" means "cuda" if there is a GPU.

    Raises InputError for "cuda" without a GPU. A GPU then sums in float32, and takes only the
    memory that it needs. TensorFlow cannot change this once it has started.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if device == "cpu" or (device == "auto" and not gpus):
        tf.config.set_visible_devices([], "GPU")
        return "cpu"
    if not gpus:
        raise InputError(
            "params.yaml: device is 'cuda', but this TensorFlow finds no GPU; "
            "expected a GPU and a build for CUDA, or device: cpu"
        )
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return "cuda"


def name_device(device: str) -> str:
    """Return "cpu", or the GPU's name."""
    if device != "cuda":
        return "cpu"
    gpu = tf.config.get_visible_devices("GPU")[0]
    name: str = tf.config.experimental.get_device_details(gpu)["device_name"]
    return name


def as_tensor(images: np.ndarray) -> tf.Tensor:
    """Return images as a tensor, over the same memory if it begins on a 64-byte boundary.

    A mapped file does; other arrays are copied. Without that boundary, TensorFlow would end the
    process. tf.constant keeps two copies. A GPU always needs a copy.
    """
    on_gpu = tf.config.get_visible_devices("GPU")
    if images.ctypes.data % 64 or not images.flags.writeable or on_gpu:
        return tf.constant(images)
    return tf.experimental.dlpack.from_dlpack(images.__dlpack__())


def use_threads(threads: int) -> None:
    """Limit TensorFlow to `threads` threads, and make it sum in the same order every time.

    TensorFlow cannot change this once it has started.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def read_weights(network: keras.Sequential, names: Iterable[str]) -> Weights:
    """Return the network's weights in the common layout."""
    return dict(zip(names, network.get_weights(), strict=True))
