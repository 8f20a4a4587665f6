"""How a trial ends: complete, pruned, diverged, repeated, or taken for dead."""

import pytest
from optuna.trial import FrozenTrial

from digits.errors import InputError
from digits.training.backend import load_backend
from digits.training.loop import load_data, train
from digits.training.run import load_run
from tests.support.studies import COMPLETE, FAIL, MLP, PRUNED, SPACE, search, stored_study, trials


def test_a_trial_trains_as_the_train_stage_does(workspace):
    run = load_run("scratch", "mlp")
    search(MLP, "--try", f"learning_rate={run.recipe.learning_rate}", "--trials", 1)
    _, recorder = train(load_backend("scratch"), run, load_data())
    expected = [row["accuracy"] for row in recorder.history if row["split"] == "validation"]
    (trial,) = trials()
    assert list(trial.intermediate_values.values()) == expected


def median_accuracy(ended: list[FrozenTrial], epoch: int) -> float:
    """Return the complete trials' median accuracy after an epoch, the higher one of two."""
    complete = [trial for trial in ended if trial.state == COMPLETE]
    accuracies = sorted(trial.intermediate_values[epoch] for trial in complete)
    return accuracies[len(accuracies) // 2]


def test_trials_below_the_median_are_pruned(workspace, capsys):
    space = ("--try", "learning_rate=0.000001..0.2:log", "--try", "epochs=4")
    search(MLP, *space, "--trials", 12)
    ended = trials()
    assert [trial.state for trial in ended[:5]] == [COMPLETE] * 5  # the pruner's startup trials
    assert {trial.state for trial in ended} == {COMPLETE, PRUNED}
    pruned = [trial for trial in ended if trial.state == PRUNED]
    output = capsys.readouterr().out
    for trial in pruned:
        assert trial.last_step < 4
        best = max(trial.intermediate_values.values())
        assert best < median_accuracy(ended[: trial.number], trial.last_step)
        assert f"pruned after epoch {trial.last_step} at {trial.value:.4f}" in output


def test_the_same_values_are_not_trained_twice(workspace, capsys):
    search(MLP, "--try", "batch_size=16,32", "--trials", 5)
    output = capsys.readouterr()
    drawn = {trial.params["batch_size"] for trial in trials()}
    assert output.err.count("epoch 2/2") == len(drawn) < 5
    assert len({(trial.params["batch_size"], trial.value) for trial in trials()}) == len(drawn)
    repeats = [trial for trial in trials() if "repeats" in trial.user_attrs]
    assert len(repeats) == 5 - len(drawn)
    for trial in repeats:
        earlier = trials()[trial.user_attrs["repeats"]]
        assert (trial.params, trial.state) == (earlier.params, earlier.state)
        assert f" as trial {earlier.number}" in output.out


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_training_that_diverges_counts_as_pruned(workspace, capsys):
    with pytest.raises(InputError, match="no trial of the study scratch/mlp is complete"):
        search(MLP, "--try", "learning_rate=1e6..1e9:log", "--trials", 2)
    assert [trial.state for trial in trials()] == [PRUNED, PRUNED]
    assert capsys.readouterr().out.count(": diverged") == 2


def test_a_trial_that_another_process_took_for_dead_is_dropped(workspace, monkeypatch, capsys):
    def slow_train(*arguments, **keywords):
        study = stored_study()
        if len(study.get_trials()) == 1:
            study.tell(0, state=FAIL)
        return train(*arguments, **keywords)

    monkeypatch.setattr("digits.tuning.trials.train", slow_train)
    search(MLP, *SPACE, "--trials", 2)
    assert [trial.state for trial in trials()] == [FAIL, COMPLETE, COMPLETE]
    assert "failed: no heartbeat for too long" in capsys.readouterr().out


def test_a_trial_whose_training_fails_is_not_left_running(workspace, monkeypatch):
    def failing_train(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr("digits.tuning.trials.train", failing_train)
    assert search(MLP, *SPACE, "--trials", 2) == 130
    assert [trial.state for trial in trials()] == [FAIL]


@pytest.mark.parametrize("run", ["torch/mlp", "tf/cnn_small"])
def test_every_framework_can_be_searched(workspace, run):
    search(run, "--try", "learning_rate=0.001..0.01:log", "--try", "epochs=1", "--trials", 2)
    assert [trial.state for trial in trials(run)] == [COMPLETE, COMPLETE]
    assert all(trial.value > 0.1 for trial in trials(run))
