"""One trial: train with the values that it draws, and report to the study how it ended."""

from optuna import Study, Trial, TrialPruned
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from digits.training.backend import Backend
from digits.training.logger import Row
from digits.training.loop import TrainingData, train
from digits.training.recorder import DivergedError, Recorder
from digits.training.run import Run
from digits.tuning.heartbeat import heartbeat
from digits.tuning.points import format_point
from digits.tuning.search import Search, draw
from digits.tuning.search_space import Space, read_point
from digits.tuning.study import FINISHED, best_trial, same_trial

# The attributes' names in a stored trial: studies on disk have them.
DIVERGED = "diverged"
REPEATS = "repeats"  # the number of an earlier trial with the same values


def run_trial(
    study: Study, trial: Trial, search: Search, data: TrainingData, backend: Backend
) -> None:
    """Train with the values that the trial draws, and report to the study how it ended.

    If an earlier trial drew the same values, the trial gets its outcome, without training.
    """
    try:
        with heartbeat(trial):
            run = search.run_at(draw(trial, search))
            earlier = same_trial(study, trial)
            if earlier:
                repeat_trial(study, trial, earlier)
                return
            recorder = train_trial(trial, run, data, backend)
        study.tell(trial, recorder.history[-1]["accuracy"], skip_if_finished=True)
    except DivergedError:
        trial.set_user_attr(DIVERGED, True)
        study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
    except TrialPruned:
        study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
    except UpdateFinishedTrialError:
        # This process was suspended so long that another one marked the trial as failed.
        pass
    except BaseException:
        study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        raise


def train_trial(trial: Trial, run: Run, data: TrainingData, backend: Backend) -> Recorder:
    """Train the run, and report its validation accuracy after each epoch.

    Raises TrialPruned if the accuracy falls behind that of earlier trials.
    """
    return train(backend, run, data, loggers=[TrialReport(trial, run.recipe.epochs)])[1]


class TrialReport:
    """A logger that reports the validation accuracy to the study after each epoch."""

    def __init__(self, trial: Trial, n_epochs: int):
        self.trial, self.n_epochs = trial, n_epochs

    def log(self, row: Row) -> None:
        """Report the row; raise TrialPruned if the accuracy falls behind that of other trials."""
        if row["split"] != "validation":
            return
        self.trial.report(row["accuracy"], row["epoch"])
        if row["epoch"] < self.n_epochs and self.trial.should_prune():
            raise TrialPruned

    def close(self) -> None:
        """Do nothing: `run_trial` reports to the study how the trial ended."""


def repeat_trial(study: Study, trial: Trial, earlier: FrozenTrial) -> None:
    """End the trial as an earlier one with the same values ended."""
    for epoch, accuracy in earlier.intermediate_values.items():
        trial.report(accuracy, epoch)
    if DIVERGED in earlier.user_attrs:
        trial.set_user_attr(DIVERGED, True)
    trial.set_user_attr(REPEATS, earlier.number)
    value = earlier.value if earlier.state == TrialState.COMPLETE else None
    study.tell(trial, value, state=earlier.state, skip_if_finished=True)


def describe_progress(study: Study, number: int, space: Space, n_trials: int) -> str:
    """Return how many trials have finished, how this one ended, and the best so far."""
    trials = study.get_trials(deepcopy=False)
    n_finished = sum(trial.state in FINISHED for trial in trials)
    best = best_trial(study)
    so_far = f"; best {best.value:.4f} (trial {best.number})" if best else ""
    ended = describe_trial(trials[number], space)
    return f"{n_finished}/{n_trials} trial {number}: {ended}{so_far}"


def describe_trial(trial: FrozenTrial, space: Space) -> str:
    """Return a trial's values and how it ended."""
    values = format_point(read_point(trial.params, space))
    repeated = f" as trial {trial.user_attrs[REPEATS]}" if REPEATS in trial.user_attrs else ""
    return f"{values}: {describe_outcome(trial)}{repeated}"


def describe_outcome(trial: FrozenTrial) -> str:
    """Return how a trial ended."""
    if trial.state == TrialState.COMPLETE:
        return f"validation accuracy {trial.value:.4f}"
    if trial.state != TrialState.PRUNED:
        return "failed: no heartbeat for too long"
    if trial.user_attrs.get(DIVERGED, False):
        return "diverged"
    last = trial.last_step or 0
    return f"pruned after epoch {last} at {trial.intermediate_values[last]:.4f}"
