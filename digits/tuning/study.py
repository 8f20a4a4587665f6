"""An Optuna study: where it is stored, its identity, and which of its trials have ended."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import optuna
from optuna import Study, Trial
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from digits.errors import InputError

LOCK_SECONDS = 30  # after that time, the lock of a killed process is removed
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def open_study(storage: str | None, name: str, folder: Path) -> Study:
    """Return the study of that name; a new one if there is none yet.

    `storage` is a database URL or a file; None means `folder`/study.log. Raises InputError if the
    storage cannot be opened.
    """
    pruner = optuna.pruners.MedianPruner()
    try:
        return optuna.create_study(
            storage=open_storage(storage or str(folder / "study.log")),
            study_name=name,
            direction="maximize",
            pruner=pruner,
            load_if_exists=True,
        )
    except Exception as error:  # Every database driver has its own errors.
        # The URL is not shown: it may hold a password.
        fault = f"{type(error).__name__}: {error}"
        raise InputError(f"the study {name} cannot be opened: {fault}; see --storage") from None


def open_storage(address: str) -> BaseStorage:
    """Return the storage at a database's URL or at a file's path."""
    if "://" in address:
        return RDBStorage(address)
    # Absolute: the lock is a link to the file, and a relative link would lead elsewhere.
    path = Path(address).absolute()
    lock = JournalFileSymlinkLock(str(path), grace_period=LOCK_SECONDS)
    backend = JournalFileBackend(str(path), lock_obj=lock)
    lock.acquire()
    try:
        remove_torn_line(path)
    finally:
        lock.release()
    return JournalStorage(backend)


def remove_torn_line(path: Path) -> None:
    """Remove a study's last line if it has no end: a killed process did not finish it.

    A file of another kind stays as it is.
    """
    with path.open("rb+") as file:
        text = file.read()
        if text.startswith(b'{"op_code":'):
            file.truncate(text.rfind(b"\n") + 1)


@contextmanager
def one_line_storage_errors() -> Iterator[None]:
    """Raise InputError if the storage of a study fails while the body runs."""
    try:
        yield
    except (StorageInternalError, SQLAlchemyError, JSONDecodeError) as error:
        raise InputError(f"the study's storage failed: {error}") from None


@contextmanager
def ignored_warnings() -> Iterator[None]:
    """Ignore Optuna's warnings about experimental features and about few trials."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def check_identity(study: Study, identity: dict[str, Any]) -> None:
    """Raise InputError if the study was started with another identity.

    An identity is what all trials of a study have in common. `identity` may be a part of it.
    """
    stored = study.user_attrs.get("identity", {})
    if not stored and not study.get_trials(deepcopy=False):
        return
    for part, value in identity.items():
        if stored.get(part) != value:
            keys = differing_keys(stored.get(part), value)
            differing = f" ({', '.join(keys)})" if keys else ""
            raise InputError(
                f"the study {study.study_name} was started with another {part}{differing}; "
                "start a new study with --study NAME"
            )


def differing_keys(old: Any, new: Any) -> list[str]:
    """Return the keys in which two mappings differ; none unless both are mappings."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return []
    return [key for key in old | new if old.get(key) != new.get(key)]


def same_trial(study: Study, trial: Trial) -> FrozenTrial | None:
    """Return the first trial that ended with the same values; None if there is none."""
    for other in study.get_trials(deepcopy=False, states=FINISHED):
        if other.params == trial.params and other.number != trial.number:
            return other
    return None


def best_trial(study: Study) -> FrozenTrial | None:
    """Return the trial with the highest accuracy, the first of equals; None if none is complete."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(complete, key=lambda trial: trial.value or 0.0, default=None)
