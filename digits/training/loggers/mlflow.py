"""MLflow: a run in the experiment "digits", on the server that MLFLOW_TRACKING_URI names.

Without that variable, the runs are in a SQLite file, logs/mlflow/mlflow.db. View them with
`mlflow ui --backend-store-uri sqlite:///logs/mlflow/mlflow.db`.
"""

import os
from pathlib import Path

from mlflow.tracking import MlflowClient

from digits.training.logger import Row

EXPERIMENT = "digits"


def open_logger(folder: Path, recipe: Row) -> "MLflow":
    """Return a logger that begins a new run, named after the framework and the run."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        store = folder.parents[1]
        store.mkdir(parents=True, exist_ok=True)
        uri = f"sqlite:///{store.resolve()}/mlflow.db"
    return MLflow(MlflowClient(uri), "/".join(folder.parts[-2:]), recipe)


class MLflow:
    """Loss and accuracy on both splits, by the number of images seen."""

    def __init__(self, client: MlflowClient, name: str, recipe: Row):
        self.client = client
        found = client.get_experiment_by_name(EXPERIMENT)
        experiment = found.experiment_id if found else client.create_experiment(EXPERIMENT)
        self.run_id = client.create_run(experiment, run_name=name).info.run_id
        for key, value in recipe.items():
            client.log_param(self.run_id, key, value)

    def log(self, row: Row) -> None:
        """Write the row."""
        for measure in ("loss", "accuracy"):
            key = f"{row['split']}/{measure}"
            self.client.log_metric(self.run_id, key, row[measure], step=row["images_seen"])

    def close(self) -> None:
        """Mark the run as finished."""
        self.client.set_terminated(self.run_id)
