"""Loggers: the history's file, and TensorBoard, DVCLive and MLflow, read by their own readers."""

import pandas as pd
import pytest

from digits.backends.scratch import fit as SCRATCH
from digits.errors import InputError
from digits.training.logger import LOGGERS, HistoryFile, load_loggers
from digits.training.loop import TrainingData, train
from tests.support.models import make_preprocessing
from tests.support.networks import parse
from tests.support.trainings import SGD, make_run

LAYERS = parse("flatten", {"dense": {"units": 10}})
RUN = make_run(SGD.model_copy(update={"epochs": 2, "batch_size": 1}), LAYERS)
MEASURES = [
    (split, measure) for split in ("train", "validation") for measure in ("loss", "accuracy")
]


@pytest.fixture
def data(generator) -> TrainingData:
    splits = [
        (generator.random((n, 28, 28), dtype="float32"), generator.integers(0, 10, n))
        for n in (60, 20)
    ]
    return TrainingData(make_preprocessing(range(784)), *splits)


@pytest.fixture
def trained(data, tmp_path, monkeypatch):
    """A function that trains with the loggers of DIGITS_LOGGER, and returns the history as a table.

    It has two rows of the training split an epoch, after 50 and after 60 steps.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def train_with(names: str) -> pd.DataFrame:
        monkeypatch.setenv("DIGITS_LOGGER", names)
        _, recorder = train(SCRATCH, RUN, data, loggers=load_loggers(RUN))
        return pd.DataFrame(recorder.history)

    return train_with


def points(history: pd.DataFrame, split: str, measure: str) -> list[tuple[int, float]]:
    rows = history[history["split"] == split]
    assert len(rows) == (4 if split == "train" else 2)
    return list(zip(rows["images_seen"], rows[measure], strict=True))


def assert_points(found, expected):
    """float32 is what TensorBoard stores."""
    assert [step for step, _ in found] == [step for step, _ in expected]
    assert [value for _, value in found] == pytest.approx([value for _, value in expected])


def test_tensorboard_reads_the_history(trained, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = trained("tensorboard")
    events = EventAccumulator(str(tmp_path / "logs/tensorboard/scratch/test"))
    events.Reload()
    for split, measure in MEASURES:
        found = [(event.step, event.value) for event in events.Scalars(f"{measure}/{split}")]
        assert_points(found, points(history, split, measure))


def test_dvclive_writes_the_history(trained, tmp_path):
    history = trained("dvclive")
    folder = tmp_path / "logs/dvclive/scratch/test"
    for split, measure in MEASURES:
        table = pd.read_csv(folder / f"plots/metrics/{split}/{measure}.tsv", sep="\t")
        found = list(zip(table["step"], table[measure], strict=True))
        assert_points(found, points(history, split, measure))
    assert not (tmp_path / "dvc.yaml").exists()


def test_mlflow_reads_the_history(trained, tmp_path):
    from mlflow.tracking import MlflowClient

    history = trained("mlflow")
    client = MlflowClient(f"sqlite:///{tmp_path}/logs/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("digits")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("scratch/test", "FINISHED")
    assert run.data.params["learning_rate"] == str(SGD.learning_rate)
    for split, measure in MEASURES:
        metrics = client.get_metric_history(run.info.run_id, f"{split}/{measure}")
        found = [(metric.step, metric.value) for metric in metrics]
        assert_points(found, points(history, split, measure))


def test_no_logger_changes_the_history(trained):
    assert trained(",".join(LOGGERS)).equals(trained(""))


def test_an_unknown_logger_is_one_line(monkeypatch):
    monkeypatch.setenv("DIGITS_LOGGER", "wandb")
    with pytest.raises(InputError) as error:
        load_loggers(RUN)
    expected = "DIGITS_LOGGER is 'wandb'; expected one of: dvclive, tensorboard, mlflow"
    assert str(error.value) == expected


def test_a_missing_package_is_one_line_with_its_extra(monkeypatch):
    def fail(name: str) -> None:
        raise ModuleNotFoundError("No module named 'dvclive'", name="dvclive")

    monkeypatch.setenv("DIGITS_LOGGER", "dvclive")
    monkeypatch.setattr("digits.training.logger.import_module", fail)
    with pytest.raises(
        InputError, match=r"the package dvclive is not installed; run pip install '\.\[log\]'"
    ):
        load_loggers(RUN)


def test_a_logger_that_fails_warns_once_and_training_goes_to_its_end(trained, tmp_path, capsys):
    (tmp_path / "logs").write_text("a file, where a folder is needed")
    assert trained("dvclive")["epoch"].max() == 2
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    (warning,) = warnings
    assert warning.startswith("warning: dvclive failed and is switched off: ")


def test_history_file_grows_with_every_epoch_and_is_whole_each_time(tmp_path):
    file = HistoryFile(tmp_path / "torch/cnn/history.csv")
    row = {"images_seen": 5, "epoch": 1, "split": "train", "loss": 0.5, "accuracy": 0.25}
    file.log(row)
    assert not file.path.exists()
    file.log(row | {"split": "validation"})
    file.log(row | {"images_seen": 10, "epoch": 2})
    assert file.path.read_text().splitlines() == [
        "images_seen,epoch,split,loss,accuracy",
        "5,1,train,0.5,0.25",
        "5,1,validation,0.5,0.25",
    ]
    assert [path.name for path in file.path.parent.iterdir()] == ["history.csv"]
