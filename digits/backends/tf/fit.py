"""Training in TensorFlow, by Keras' optimizers in a compiled loop. See `Backend`.

TensorFlow runs a graph of many steps at once. The loop over the mini-batches is part of the graph
(`train_steps`), so a step has no cost in Python.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from digits.backends.tf.distributed import TFTeam, join
from digits.backends.tf.network import (
    as_tensor,
    build,
    name_device,
    predict,
    read_weights,
    use_threads,
)
from digits.training.backend import Record, Training
from digits.training.checkpoint import State
from digits.training.params import ADAM, Recipe
from digits.training.schedule import Step
from digits.training.team import ALONE, Team

__all__ = ["FORKS", "LIBRARY", "fit", "join", "name_device", "predict"]

LIBRARY = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
FORKS = False
# Steps of one graph run: enough to hide the cost of the call, few enough for the progress bar.
STEPS_A_CALL = 50

Outcome = tuple[tf.Tensor, tf.Tensor]  # mean loss, number of samples classified right
Gradient = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]]
TrainSteps = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], Outcome]


def fit(training: Training, recorder: Record) -> None:
    """Train; report every step and epoch to the recorder."""
    team = training.team
    use_threads(training.threads)
    network = build(training.layers, training.images.shape[1:], team.seed(training.seed))
    network.set_weights(list(training.weights.values()))
    optimizer = build_optimizer(training.recipe)
    optimizer.build(network.trainable_variables)
    restore_state(network, optimizer, training.state or {}, team)
    train_steps = compile_steps(network, optimizer, training.recipe, team)
    x, y = as_tensor(training.images), tf.constant(training.labels)
    for steps, images in training.epochs:
        if images is not None:
            x = as_tensor(images)
        for chunk in chunks(steps):
            report_chunk(train_steps, (x, y), chunk, team, recorder)
        recorder.epoch(
            read_weights(network, training.weights), read_state(network, optimizer, team)
        )


def report_chunk(
    train_steps: TrainSteps,
    data: tuple[tf.Tensor, tf.Tensor],
    chunk: list[Step],
    team: Team,
    recorder: Record,
) -> None:
    """Take the steps of a chunk in one graph run, and report them together."""
    parts, copies = zip(*(team.share(step.samples) for step in chunk), strict=True)
    rates = np.array([step.learning_rate for step in chunk], np.float32)
    batch_size, n_copies = len(chunk[0].samples), copies[0]
    share = tf.constant(len(parts[0]) / (n_copies * batch_size), tf.float32)
    outcome = train_steps(*data, tf.constant(np.stack(parts)), tf.constant(rates), share)
    mean_loss, n_correct = team.sum(np.array([float(value) for value in outcome]))
    recorder.step(len(chunk) * batch_size, float(mean_loss), int(n_correct) // n_copies)


def build_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """Return the recipe's optimizer. The l2 penalty is part of the loss."""
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(beta_1=ADAM.beta_1, beta_2=ADAM.beta_2, epsilon=ADAM.epsilon)
    return keras.optimizers.SGD(momentum=recipe.momentum or 0.0, nesterov=recipe.nesterov)


def compile_steps(
    network: keras.Sequential,
    optimizer: keras.optimizers.Optimizer,
    recipe: Recipe,
    team: Team = ALONE,
) -> TrainSteps:
    """Return the compiled function that takes one step for each row of `batches`.

    It returns the steps' mean loss and how many samples were right. A row is this rank's part of a
    mini-batch, `share` of it. Loss and number right are those of this part.
    """
    own_gradient = make_gradient(network, recipe, team)
    gradient = team.spread(network, own_gradient) if isinstance(team, TFTeam) else own_gradient

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def train_steps(
        images: tf.Tensor,
        labels: tf.Tensor,
        batches: tf.Tensor,
        learning_rates: tf.Tensor,
        share: tf.Tensor,
    ) -> Outcome:
        loss_sum, n_correct = tf.constant(0.0), tf.constant(0, tf.int64)
        for i in tf.range(len(batches)):
            # Several ranks take one step after the other: all must sum in the same order.
            tf.autograph.experimental.set_loop_options(
                parallel_iterations=10 if team.size == 1 else 1
            )
            x, y = tf.gather(images, batches[i]), tf.gather(labels, batches[i])
            loss, n_right, gradients = gradient(x, y, share)
            change_learning_rate(optimizer, learning_rates[i])
            optimizer.apply(gradients, network.trainable_weights)
            loss_sum += loss
            n_correct += n_right
        return loss_sum / tf.cast(len(batches), tf.float32), n_correct

    compiled: TrainSteps = train_steps
    return compiled


def make_gradient(network: keras.Sequential, recipe: Recipe, team: Team) -> Gradient:
    """Return the function from a mini-batch to its loss, its number right and its gradients."""
    l2 = recipe.l2
    matrices = [
        variable.value for variable in network.trainable_variables if len(variable.shape) > 1
    ]

    def gradient(
        x: tf.Tensor, y: tf.Tensor, share: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            logits = network(x, training=True)
            loss = share * tf.reduce_mean(cross_entropy(y, logits, recipe.label_smoothing))
            # l2_loss is sum W^2 / 2.
            penalties = [tf.nn.l2_loss(W) for W in matrices] if l2 else []
            objective = loss + l2 / team.size * tf.add_n(penalties) if l2 else loss
        n_correct = tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == y, tf.int64))
        return loss, n_correct, tape.gradient(objective, network.trainable_weights)

    return gradient


def cross_entropy(y: tf.Tensor, logits: tf.Tensor, label_smoothing: float) -> tf.Tensor:
    """Return the loss of each sample, (n,), with its target smoothed over the classes."""
    if not label_smoothing:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
    n_classes = logits.shape[1]
    targets = (1 - label_smoothing) * tf.one_hot(y, n_classes) + label_smoothing / n_classes
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


def change_learning_rate(optimizer: keras.optimizers.Optimizer, learning_rate: tf.Tensor) -> None:
    """Set the learning rate, and rescale the momentum.

    Keras' SGD keeps learning rate times velocity; the other frameworks keep the velocity.
    """
    for product in getattr(optimizer, "momentums", []):
        product.assign(product * learning_rate / optimizer.learning_rate)
    optimizer.learning_rate.assign(learning_rate)


def chunks(steps: list[Step]) -> list[list[Step]]:
    """Cut an epoch's steps into chunks of mini-batches of one size.

    If the last mini-batch is smaller, it has its own chunk.
    """
    full = [step for step in steps if len(step.samples) == len(steps[0].samples)]
    cut = [full[start : start + STEPS_A_CALL] for start in range(0, len(full), STEPS_A_CALL)]
    return cut + [[step] for step in steps[len(full) :]]


def read_state(
    network: keras.Sequential, optimizer: keras.optimizers.Optimizer, team: Team
) -> State:
    """Return a copy of the state that training resumes from, without the weights."""
    state = {}
    for name, variable in state_variables(network, optimizer).items():
        array = variable.numpy().copy()
        state[name] = team.gather(array) if name.startswith("seed") else array
    return state


def restore_state(
    network: keras.Sequential, optimizer: keras.optimizers.Optimizer, state: State, team: Team
) -> None:
    """Restore the state that `read_state` returned."""
    variables = state_variables(network, optimizer)
    for name, array in state.items():
        variables[name].assign(array[team.rank] if name.startswith("seed") else array)


def state_variables(
    network: keras.Sequential, optimizer: keras.optimizers.Optimizer
) -> dict[str, keras.Variable]:
    """Return the optimizer's variables by number, and dropout's seeds as "seed0", "seed1" …"""
    weights = {id(variable) for variable in network.weights}
    seeds = [variable for variable in network.variables if id(variable) not in weights]
    named = {f"seed{number}": seed for number, seed in enumerate(seeds)}
    return named | {f"{number}": kept for number, kept in enumerate(optimizer.variables)}
