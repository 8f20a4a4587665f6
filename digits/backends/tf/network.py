"""TensorFlow: the architecture as a Keras model, trained by Keras' optimisers in a compiled loop.
Contract: digits/training/loop.py.

TensorFlow runs a graph of many steps at once: the loop over the mini-batches is part of the graph
(`train_steps`), so Python's cost a step is gone. Images and weights have our layout here as they
are.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors only

import keras
import numpy as np
import tensorflow as tf

from digits.errors import InputError
from digits.model.architecture import (
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Relu,
    Sigmoid,
    Weights,
)
from digits.training.params import ADAM, BATCH_NORM, Recipe
from digits.training.team import ALONE

LIBRARY = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
FORKS = False
PREDICT_BATCH = 1000
# Steps of one graph run: enough to hide the call, few enough to move the progress bar.
STEPS_A_CALL = 50

# Layer type to Keras layer, from the layer and the seed.
LAYERS = {
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


def fit(
    architecture: Architecture,
    weights: Weights,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    recipe: Recipe,
    epochs,
    seed: int,
    threads: int,
    recorder,
    state: dict[str, np.ndarray] | None = None,
    team=ALONE,
) -> None:
    use_threads(threads)
    network = build(architecture, images.shape[1:], team.seed(seed))
    network.set_weights(list(weights.values()))
    optimizer = build_optimizer(recipe)
    optimizer.build(network.trainable_variables)
    for name, array in (state or {}).items():
        state_variables(network, optimizer)[name].assign(
            array[team.rank] if name.startswith("seed") else array
        )
    train_steps = compile_steps(network, optimizer, recipe.l2, recipe.label_smoothing, team)
    x, y = as_tensor(images), tf.constant(labels)
    for steps, seen in epochs:
        if seen is not None:
            x = as_tensor(seen)
        for chunk in chunks(steps):
            shares, copies = zip(*(team.share(step.samples) for step in chunk), strict=True)
            rates = np.array([step.learning_rate for step in chunk], np.float32)
            batch_size, n_copies = len(chunk[0].samples), copies[0]
            share = tf.constant(len(shares[0]) / (n_copies * batch_size), tf.float32)
            outcome = train_steps(x, y, tf.constant(np.stack(shares)), tf.constant(rates), share)
            mean_loss, n_correct = team.sum(np.array([float(value) for value in outcome]))
            recorder.step(len(chunk) * batch_size, float(mean_loss), int(n_correct) // n_copies)
        now = {
            name: variable.numpy().copy()
            for name, variable in state_variables(network, optimizer).items()
        }
        now |= {name: team.gather(array) for name, array in now.items() if name.startswith("seed")}
        recorder.epoch(read_weights(network, weights), now)


def predict(
    architecture: Architecture, weights: Weights, images: np.ndarray, *, threads: int
) -> np.ndarray:
    use_threads(threads)
    network = build(architecture, images.shape[1:], seed=0)
    network.set_weights(list(weights.values()))
    starts = range(0, len(images), PREDICT_BATCH)
    with tf.device("CPU"):
        return np.concatenate(
            [
                tf.nn.softmax(network(images[i : i + PREDICT_BATCH], training=False)).numpy()
                for i in starts
            ]
        )


def find_device(device: str) -> str:
    """Return "cpu" or "cuda", which is what "auto" means where there is one; raise InputError for
    "cuda" where there is none.

    A GPU is set to sum in float32, and to take no more memory than it needs. TensorFlow cannot
    change this once it has started.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if device == "cpu" or (device == "auto" and not gpus):
        tf.config.set_visible_devices([], "GPU")
        return "cpu"
    if not gpus:
        raise InputError(
            "params.yaml: device is 'cuda', but this TensorFlow finds no GPU; expected a GPU and a build for CUDA, or device: cpu"
        )
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return "cuda"


def name_device(device: str) -> str:
    """Return "cpu", or the GPU's name."""
    return (
        tf.config.experimental.get_device_details(tf.config.get_visible_devices("GPU")[0])[
            "device_name"
        ]
        if device == "cuda"
        else "cpu"
    )


def as_tensor(images: np.ndarray) -> tf.Tensor:
    """Return images as a tensor: over the same memory where it begins on a 64-byte boundary, as a
    mapped file does, and else a copy.

    TensorFlow wants that boundary, and ends the process without it; tf.constant keeps two copies.
    On a GPU there is no way without one.
    """
    if (
        images.ctypes.data % 64
        or not images.flags.writeable
        or tf.config.get_visible_devices("GPU")
    ):
        return tf.constant(images)
    return tf.experimental.dlpack.from_dlpack(images.__dlpack__())


def use_threads(threads: int) -> None:
    """Hold TensorFlow to `threads` and to the order of sums that they give. TensorFlow cannot
    change this once it has started.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def build(architecture: Architecture, input_shape: tuple[int, ...], seed: int) -> keras.Sequential:
    """Return the network, its weights yet to be set; `seed` is that of its dropout."""
    return keras.Sequential(
        [keras.Input(input_shape), *(LAYERS[type(layer)](layer, seed) for layer in architecture)]
    )


def build_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(beta_1=ADAM.beta_1, beta_2=ADAM.beta_2, epsilon=ADAM.epsilon)
    return keras.optimizers.SGD(momentum=recipe.momentum or 0.0, nesterov=recipe.nesterov)


def compile_steps(
    network: keras.Sequential,
    optimizer: keras.optimizers.Optimizer,
    l2: float,
    label_smoothing: float = 0.0,
    team=ALONE,
):
    """Return the compiled function that takes one step for each row of `batches`, and returns their
    mean loss and number right.

    A row is this process's part of a mini-batch, `share` of it; so are what it adds to the mean
    loss and the number right.
    """
    matrices = [
        variable.value for variable in network.trainable_variables if len(variable.shape) > 1
    ]

    def cross_entropy(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        if not label_smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
        n_classes = logits.shape[1]
        targets = (1 - label_smoothing) * tf.one_hot(y, n_classes) + label_smoothing / n_classes
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)

    def gradient(
        x: tf.Tensor, y: tf.Tensor, share: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            logits = network(x, training=True)
            loss = share * tf.reduce_mean(cross_entropy(y, logits))
            # l2_loss is sum W^2 / 2
            objective = (
                loss + l2 / team.size * tf.add_n([tf.nn.l2_loss(W) for W in matrices])
                if l2
                else loss
            )
        n_correct = tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == y, tf.int64))
        return loss, n_correct, tape.gradient(objective, network.trainable_weights)

    whole_gradient = gradient if team.size == 1 else team.spread(network, gradient)

    @tf.function(reduce_retracing=True)
    def train_steps(
        images: tf.Tensor,
        labels: tf.Tensor,
        batches: tf.Tensor,
        learning_rates: tf.Tensor,
        share: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        loss_sum, n_correct = tf.constant(0.0), tf.constant(0, tf.int64)
        for i in tf.range(len(batches)):
            # One after the other in a team: all its processes must add up in the same order.
            tf.autograph.experimental.set_loop_options(
                parallel_iterations=10 if team.size == 1 else 1
            )
            loss, right, gradients = whole_gradient(
                tf.gather(images, batches[i]), tf.gather(labels, batches[i]), share
            )
            change_learning_rate(optimizer, learning_rates[i])
            optimizer.apply(gradients, network.trainable_weights)
            loss_sum += loss
            n_correct += right
        return loss_sum / tf.cast(len(batches), tf.float32), n_correct

    return train_steps


def change_learning_rate(optimizer: keras.optimizers.Optimizer, learning_rate: tf.Tensor) -> None:
    """Set the learning rate, and have momentum mean what it does elsewhere: Keras' SGD keeps
    learning rate times velocity.
    """
    for product in getattr(optimizer, "momentums", []):
        product.assign(product * learning_rate / optimizer.learning_rate)
    optimizer.learning_rate.assign(learning_rate)


def chunks(epoch: list) -> list[list]:
    """Cut an epoch into runs of steps with mini-batches of one size; the last, smaller mini-batch
    is a run of its own.
    """
    full = [step for step in epoch if len(step.samples) == len(epoch[0].samples)]
    runs = [full[start : start + STEPS_A_CALL] for start in range(0, len(full), STEPS_A_CALL)]
    return runs + [[step] for step in epoch[len(full) :]]


def read_weights(network: keras.Sequential, names) -> Weights:
    return dict(zip(names, network.get_weights(), strict=True))


def state_variables(
    network: keras.Sequential, optimizer: keras.optimizers.Optimizer
) -> dict[str, keras.Variable]:
    """Return what a training goes on from besides the weights: the optimizer's variables, and the
    seeds that dropout has come to.
    """
    weights = {id(variable) for variable in network.weights}
    seeds = [variable for variable in network.variables if id(variable) not in weights]
    return {f"seed{number}": seed for number, seed in enumerate(seeds)} | {
        f"{number}": kept for number, kept in enumerate(optimizer.variables)
    }
