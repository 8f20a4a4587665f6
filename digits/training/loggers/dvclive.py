"""DVCLive: tables that the DVC extension of VS Code draws while a run trains.

It saves no experiment. It does not write dvc.yaml, because DVC reads that file at the same time.
"""

from pathlib import Path

from dvclive.live import Live

from digits.training.logger import Row


def open_logger(folder: Path, recipe: Row) -> "DVCLive":
    """Return a logger that writes into the folder; DVCLive empties it first."""
    return DVCLive(folder, recipe)


class DVCLive:
    """Loss and accuracy on both splits, by the number of images seen."""

    def __init__(self, folder: Path, recipe: Row):
        self.live = Live(
            str(folder), dvcyaml=None, save_dvc_exp=False, monitor_system=False, report=None
        )
        self.live.log_params(recipe)

    def log(self, row: Row) -> None:
        """Write the row."""
        self.live.step = row["images_seen"]
        for measure in ("loss", "accuracy"):
            self.live.log_metric(f"{row['split']}/{measure}", row[measure])
        self.live.make_summary()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Finish DVCLive's files."""
        self.live.end()  # type: ignore[no-untyped-call]
