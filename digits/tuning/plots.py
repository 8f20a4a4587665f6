"""Optuna's plots of a study: its history, the accuracy by each key, and which key matters most."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from optuna import Study
from optuna.trial import TrialState
from optuna.visualization import matplotlib as optuna_plots

from digits.base.files import rewritten
from digits.tuning.study import ignored_warnings


def write_plots(study: Study, folder: Path) -> int:
    """Write the plots that the complete trials suffice for; return the number of plots."""
    plt.switch_backend("Agg")
    plots = choose_plots(study)
    for name, plot in plots.items():
        # Optuna sets its style for the whole program; this undoes it.
        with plt.style.context("default"), ignored_warnings():
            figure: Figure = np.ravel(plot(target_name="validation accuracy"))[0].figure
            with rewritten(folder / f"{name}.png") as path:
                figure.savefig(path, format="png", dpi=120, bbox_inches="tight")
        plt.close(figure)
    return len(plots)


def choose_plots(study: Study) -> dict[str, Callable[..., Any]]:
    """Return the plots that the complete trials suffice for, by name. All need at least two trials.

    The plots by key also need trials with different values and different accuracies.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < 2:
        return {}
    keys = sorted({key for trial in complete for key in trial.params})
    varied = [key for key in keys if len({trial.params.get(key) for trial in complete}) > 1]
    plots: dict[str, Callable[..., Any]] = {
        "history": partial(optuna_plots.plot_optimization_history, study)
    }
    if varied and len({trial.value for trial in complete}) > 1:
        plots["slice"] = partial(optuna_plots.plot_slice, study, varied)
        plots["importances"] = partial(optuna_plots.plot_param_importances, study, params=varied)
    return plots
