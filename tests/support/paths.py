"""Where the project, the real MNIST and the parameters of the tests are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
MNIST = ROOT.parent / "shared/data/mnist"
SMALL_PARAMS = Path(__file__).parent / "params.yaml"  # see its first lines
