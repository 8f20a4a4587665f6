"""TensorBoard: an event file, written by tensorboardX without PyTorch or TensorFlow.

View it with `tensorboard --logdir logs/tensorboard`.
"""

import shutil
from pathlib import Path

from tensorboardX import SummaryWriter

from digits.training.logger import Row


def open_logger(folder: Path, recipe: Row) -> "TensorBoard":
    """Empty the folder and return a logger that writes into it."""
    shutil.rmtree(folder, ignore_errors=True)
    return TensorBoard(folder, recipe)


class TensorBoard:
    """Loss and accuracy on both splits, by the number of images seen."""

    def __init__(self, folder: Path, recipe: Row):
        self.writer = SummaryWriter(str(folder))
        text = "\n".join(f"    {key}: {value}" for key, value in recipe.items())
        self.writer.add_text("recipe", text)

    def log(self, row: Row) -> None:
        """Write the row; flush the file at the end of an epoch."""
        for measure in ("loss", "accuracy"):
            self.writer.add_scalar(f"{measure}/{row['split']}", row[measure], row["images_seen"])
        if row["split"] == "validation":
            self.writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self.writer.close()
