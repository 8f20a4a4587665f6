"""TensorFlow: the architecture as a Keras model, trained by Keras' optimisers in a compiled loop. Contract: digits/training.py.

TensorFlow runs a graph of many steps at once: the loop over the mini-batches is part of the graph (`train_steps`), so Python's cost a
step is gone. Images and weights have our layout here as they are.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors only

import keras
import numpy as np
import tensorflow as tf

from digits.architecture import Architecture, BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool, Relu, Sigmoid, Weights
from digits.params import ADAM, BATCH_NORM, Recipe

LIBRARY = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
FORKS = False
PREDICT_BATCH = 1000
STEPS_A_CALL = 50  # steps of one graph run: enough to hide the call, few enough to move the progress bar

# Layer type to Keras layer, from the layer and the seed.
LAYERS = {
    Conv: lambda layer, seed: keras.layers.Conv2D(layer.filters, layer.kernel_size, layer.stride, layer.padding),
    MaxPool: lambda layer, seed: keras.layers.MaxPooling2D(layer.size),
    Dense: lambda layer, seed: keras.layers.Dense(layer.units),
    Relu: lambda layer, seed: keras.layers.ReLU(),
    Sigmoid: lambda layer, seed: keras.layers.Activation("sigmoid"),
    Flatten: lambda layer, seed: keras.layers.Flatten(),
    Dropout: lambda layer, seed: keras.layers.Dropout(layer.rate, seed=seed),
    BatchNorm: lambda layer, seed: keras.layers.BatchNormalization(momentum=BATCH_NORM.momentum, epsilon=BATCH_NORM.epsilon),
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
) -> None:
    use_threads(threads)
    network = build(architecture, images.shape[1:], seed)
    network.set_weights(list(weights.values()))
    optimizer = build_optimizer(recipe)
    optimizer.build(network.trainable_variables)
    for name, array in (state or {}).items():
        state_variables(network, optimizer)[name].assign(array)
    train_steps = compile_steps(network, optimizer, recipe.l2, recipe.label_smoothing)
    x, y = tf.constant(images), tf.constant(labels)
    for steps, seen in epochs:
        if seen is not None:
            x = tf.constant(seen)
        for chunk in chunks(steps):
            samples = np.stack([step.samples for step in chunk])
            rates = np.array([step.learning_rate for step in chunk], np.float32)
            loss, n_correct = train_steps(x, y, tf.constant(samples), tf.constant(rates))
            recorder.step(samples.size, float(loss), int(n_correct))
        now = {name: variable.numpy().copy() for name, variable in state_variables(network, optimizer).items()}
        recorder.epoch(read_weights(network, weights), now)


def predict(architecture: Architecture, weights: Weights, images: np.ndarray, *, threads: int) -> np.ndarray:
    use_threads(threads)
    network = build(architecture, images.shape[1:], seed=0)
    network.set_weights(list(weights.values()))
    starts = range(0, len(images), PREDICT_BATCH)
    return np.concatenate([tf.nn.softmax(network(images[i : i + PREDICT_BATCH], training=False)).numpy() for i in starts])


def use_threads(threads: int) -> None:
    """Hold TensorFlow to `threads` and to the order of sums that they give. TensorFlow cannot change this once it has started."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def build(architecture: Architecture, input_shape: tuple[int, ...], seed: int) -> keras.Sequential:
    """Return the network, its weights yet to be set; `seed` is that of its dropout."""
    return keras.Sequential([keras.Input(input_shape), *(LAYERS[type(layer)](layer, seed) for layer in architecture)])


def build_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(beta_1=ADAM.beta_1, beta_2=ADAM.beta_2, epsilon=ADAM.epsilon)
    return keras.optimizers.SGD(momentum=recipe.momentum or 0.0, nesterov=recipe.nesterov)


def compile_steps(network: keras.Sequential, optimizer: keras.optimizers.Optimizer, l2: float, label_smoothing: float = 0.0):
    """Return the compiled function that takes one step for each row of `batches`, and returns their mean loss and number right."""
    matrices = [variable.value for variable in network.trainable_variables if len(variable.shape) > 1]

    def cross_entropy(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        if not label_smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
        n_classes = logits.shape[1]
        targets = (1 - label_smoothing) * tf.one_hot(y, n_classes) + label_smoothing / n_classes
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)

    def step(x: tf.Tensor, y: tf.Tensor, learning_rate: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = network(x, training=True)
            loss = tf.reduce_mean(cross_entropy(y, logits))
            objective = loss + l2 * tf.add_n([tf.nn.l2_loss(W) for W in matrices]) if l2 else loss  # l2_loss is sum W^2 / 2
        change_learning_rate(optimizer, learning_rate)
        optimizer.apply(tape.gradient(objective, network.trainable_weights))
        return loss, tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == y, tf.int64))

    @tf.function(reduce_retracing=True)
    def train_steps(images: tf.Tensor, labels: tf.Tensor, batches: tf.Tensor, learning_rates: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        loss_sum, n_correct = tf.constant(0.0), tf.constant(0, tf.int64)
        for i in tf.range(len(batches)):
            loss, right = step(tf.gather(images, batches[i]), tf.gather(labels, batches[i]), learning_rates[i])
            loss_sum += loss
            n_correct += right
        return loss_sum / tf.cast(len(batches), tf.float32), n_correct

    return train_steps


def change_learning_rate(optimizer: keras.optimizers.Optimizer, learning_rate: tf.Tensor) -> None:
    """Set the learning rate, and have momentum mean what it does elsewhere: Keras' SGD keeps learning rate times velocity."""
    for product in getattr(optimizer, "momentums", []):
        product.assign(product * learning_rate / optimizer.learning_rate)
    optimizer.learning_rate.assign(learning_rate)


def chunks(epoch: list) -> list[list]:
    """Cut an epoch into runs of steps with mini-batches of one size; the last, smaller mini-batch is a run of its own."""
    full = [step for step in epoch if len(step.samples) == len(epoch[0].samples)]
    runs = [full[start : start + STEPS_A_CALL] for start in range(0, len(full), STEPS_A_CALL)]
    return runs + [[step] for step in epoch[len(full) :]]


def read_weights(network: keras.Sequential, names) -> Weights:
    return dict(zip(names, network.get_weights(), strict=True))


def state_variables(network: keras.Sequential, optimizer: keras.optimizers.Optimizer) -> dict[str, keras.Variable]:
    """Return what a training goes on from besides the weights: the optimizer's variables, and the seeds that dropout has come to."""
    weights = {id(variable) for variable in network.weights}
    seeds = [variable for variable in network.variables if id(variable) not in weights]
    return {f"{number}": variable for number, variable in enumerate([*seeds, *optimizer.variables])}
