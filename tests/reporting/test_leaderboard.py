"""The leaderboard on the terminal."""

import pytest

from digits.errors import InputError
from digits.reporting.leaderboard import render_leaderboard

TABLE = """\
framework,run,architecture,accuracy,errors,group,train_seconds,dataset,n_samples,seed
torch,cnn,cnn_small,0.9925,75,a,1234.4,fashion_mnist,10000,3
scratch,mlp,mlp_128_64,0.985,150,b,9.6,fashion_mnist,10000,3
"""
EXPECTED = """\
Fashion-MNIST, 10,000 test images, seed 3

run          architecture      test accuracy    errors  group      training
-----------  --------------  ---------------  --------  -------  ----------
torch/cnn    cnn_small               99.25 %        75  a           1,234 s
scratch/mlp  mlp_128_64              98.50 %       150  b              10 s"""


def test_it_has_a_line_for_each_run(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(TABLE)
    assert render_leaderboard(path) == EXPECTED


@pytest.mark.parametrize("table", [None, "framework,run\ntorch,cnn\n", TABLE + "tf,cnn,,?,,,,,,\n"])
def test_results_that_cannot_be_read_are_one_line(tmp_path, table):
    path = tmp_path / "results.csv"
    if table:
        path.write_text(table)
    with pytest.raises(InputError, match=f"^{path}: cannot read the results: "):
        render_leaderboard(path)
