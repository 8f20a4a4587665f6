"""The plots of a study."""

from pathlib import Path

from PIL import Image

from tests.support.studies import MLP, SPACE, search, trials


def plots(study: str) -> list[str]:
    """Return the names of a study's plots."""
    return sorted(path.name for path in Path("tuning", study).glob("*.png"))


def test_plots_need_two_complete_trials(workspace, capsys):
    search(MLP, *SPACE, "--trials", 1)
    assert "no plots: they need two complete trials" in capsys.readouterr().err
    assert plots(MLP) == []
    search(MLP, *SPACE, "--trials", 4)
    assert plots(MLP) == ["history.png", "importances.png", "slice.png"]
    assert not list(Path("tuning", MLP).glob(".*"))
    for name in plots(MLP):
        with Image.open(Path("tuning", MLP, name)) as image:
            assert image.size > (300, 200)
            assert len(image.convert("L").getcolors()) > 10


def test_equal_trials_have_no_plots_of_their_values(workspace):
    search(MLP, "--try", "epochs=1", "--trials", 2)
    assert plots(MLP) == ["history.png"]


def test_trials_of_several_optimizers_can_be_plotted(workspace):
    space = ("--try", "optimizer=sgd,adam", "--try", "momentum=0.5..0.9")
    search(MLP, *space, "--trials", 6)
    assert len(plots(MLP)) == 3
    for trial in trials():
        assert ("momentum" in trial.params) == (trial.params["optimizer"] == "sgd")
