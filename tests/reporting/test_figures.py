"""Figures draw what they are given, for any number of runs, the same bytes each time."""

import numpy as np
import pytest
from PIL import Image
from test_tables import make_result

from digits.model.architecture import weight_shapes
from digits.model.model_file import Description, Model
from digits.preprocessing.apply import Preprocessing
from digits.reporting import figures
from digits.reporting.comparisons import compare_pairs
from digits.reporting.tables import reliability_table, results_table

NAMES = ["a", "b", "c"]
RUNS = [
    ("torch", "cnn"),
    ("torch", "mlp"),
    ("tf", "cnn"),
    ("scratch", "cnn"),
    ("scratch", "mlp_sigmoid"),
]


def draw_all(n_runs: int) -> dict:
    results = [
        make_result(framework, run, 6 + number)
        for number, (framework, run) in enumerate(RUNS[:n_runs])
    ]
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    pairs = compare_pairs(results)
    table = results_table(results, pairs)
    return {
        "curves": figures.plot_learning_curves(results, "MNIST"),
        "confusions": figures.plot_confusion_matrices(results, NAMES, "MNIST"),
        "samples": figures.plot_sample_predictions(results, images, NAMES, "MNIST"),
        "classes": figures.plot_accuracy_per_class(results, NAMES, "MNIST"),
        "times": figures.plot_accuracy_against_time(table, results, "MNIST"),
        "accuracy": figures.plot_accuracy(table, "MNIST"),
        "reliability": figures.plot_reliability(reliability_table(results), results, "MNIST"),
        "filters": figures.plot_first_layer_filters(
            {result.name: make_model(["flatten", {"dense": {"units": 20}}]) for result in results},
            "MNIST",
        ),
    }


def draw_the_rest() -> dict:
    """Draw the figures that do not name every run."""
    results = [
        make_result(framework, run, 6 + number) for number, (framework, run) in enumerate(RUNS)
    ]
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    return {
        "comparisons": figures.plot_comparisons(
            compare_pairs(results), [result.name for result in results], "MNIST"
        ),
        "shared": figures.plot_shared_mistakes(results, images, NAMES, "MNIST"),
        "pruned": figures.plot_pruned_pixels(images, list(range(300)), "MNIST"),
    }


def make_model(architecture: list, pixels: str = "all", kept: int = 784) -> Model:
    """A model with weights 0, 1, 2, ..."""
    preprocessing = Preprocessing(
        dataset="mnist", class_names=NAMES, normalization="zero_one", mean=0.0, std=255.0, kept_pixels=list(range(kept))
    )  # fmt: skip
    description = Description(
        framework="scratch",
        run="a",
        architecture=architecture,
        pixels=pixels,
        preprocessing=preprocessing,
    )
    shapes = weight_shapes(description.architecture, description.input_shape)
    return Model(
        description,
        {
            name: np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
            for name, shape in shapes.items()
        },
    )


@pytest.fixture(autouse=True)
def closed():
    yield
    figures.plt.close("all")


def texts(figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(figures.plt.Text))


@pytest.mark.parametrize("n_runs", [1, 4, 5])
def test_every_figure_names_the_data_and_every_run(n_runs):
    for name, figure in draw_all(n_runs).items():
        assert "MNIST" in texts(figure), name
        assert all(
            run in texts(figure).replace("\n", " ")
            for run in (" ".join(pair) for pair in RUNS[:n_runs])
        ), name


def test_confusion_cells_are_the_counts():
    figure = draw_all(1)["confusions"]
    # 6 of 12 right: 2 of 4 of each class, the others one class too high.
    # (true, predicted).
    cells = {text.get_position()[::-1]: text.get_text() for text in figure.axes[0].texts}
    assert cells == {(0, 0): "2", (0, 1): "2", (1, 1): "2", (1, 2): "2", (2, 0): "2", (2, 2): "2"}


def test_samples_are_marked_right_and_wrong():
    found = texts(draw_all(1)["samples"])
    assert "a ✓" in found
    assert "b ✗ is a" in found


def test_a_framework_has_one_colour_and_its_runs_differ():
    styles = figures.run_styles([make_result(framework, run, 6) for framework, run in RUNS])
    assert styles[0]["color"] == styles[1]["color"] == figures.COLOURS["torch"]
    assert len({(style["color"], str(style["linestyle"])) for style in styles}) == len(RUNS)
    assert len({(style["color"], style["marker"]) for style in styles}) == len(RUNS)


def test_same_measurements_same_bytes(tmp_path):
    def contents() -> dict[str, bytes]:
        for name, figure in (draw_all(1) | draw_the_rest()).items():
            figures.save(figure, tmp_path / name)
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    first = contents()
    assert len(first) == 11
    assert contents() == first


def test_saved_picture_is_as_wide_as_a_printed_page_needs(tmp_path):
    figures.save(draw_all(1)["classes"], tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == 1350  # 9 inches at 150 dots


def test_comparisons_say_who_is_better_where_it_is_significant():
    runs = [
        make_result("torch", "cnn", 12),
        make_result("tf", "cnn", 1),
        make_result("scratch", "cnn", 11),
    ]
    axis = figures.plot_comparisons(compare_pairs(runs), [run.name for run in runs], "MNIST").axes[
        0
    ]
    verdicts = axis.collections[0].get_array()
    assert verdicts[0].tolist() == [1, None]  # 11 : 0
    assert verdicts[1].tolist() == [0, -1]  # 1 : 0, and 0 : 10
    assert [text.get_text().splitlines()[0] for text in axis.texts] == ["11 : 0", "1 : 0", "0 : 10"]


def test_one_run_alone_can_be_drawn():
    run = make_result("torch", "cnn", 9)
    assert "Which runs differ" in texts(
        figures.plot_comparisons(compare_pairs([run]), [run.name], "MNIST")
    )


def test_shared_mistakes_are_those_of_most_runs_first():
    # Images 10 and 11 are wrong in all five runs, image 6 in one.
    found = texts(draw_the_rest()["shared"])
    assert "2 by all 5" in found
    assert "5 of 5 wrong" in found
    assert found.index("5 of 5 wrong") < found.index("1 of 5 wrong")


def test_runs_without_mistakes_share_none():
    perfect = [make_result("torch", "cnn", 12)] * 2
    assert "0 by all 2" in texts(
        figures.plot_shared_mistakes(perfect, np.zeros((12, 28, 28), np.uint8), NAMES, "MNIST")
    )


def test_filters_of_a_convolution_are_its_kernels():
    model = make_model(
        [{"conv": {"filters": 4, "kernel_size": 3}}, "flatten", {"dense": {"units": 3}}]
    )
    filters = figures.first_layer_filters(model)
    assert filters.shape == (4, 3, 3)
    assert np.array_equal(filters[1], model.weights["0_conv.W"][:, :, 0, 1])


def test_filters_of_a_dense_layer_lie_where_its_pixels_were():
    filters = figures.first_layer_filters(make_model([{"dense": {"units": 2}}], "kept", kept=30))
    assert filters.shape == (2, 28, 28)
    assert filters[1].ravel()[:30].tolist() == list(range(1, 60, 2))
    assert np.isnan(filters[1].ravel()[30:]).all()


def test_pruned_pixels_are_counted():
    assert "484 of 784" in texts(draw_the_rest()["pruned"])


def test_many_runs_are_the_best_fifty_in_their_order():
    results = [make_result("torch", f"run_{number}", number % 12) for number in range(120)]
    shown = figures.most_accurate(results)
    assert len(shown) == figures.MAX_RUNS
    assert [result.metrics["errors"] for result in shown] == [5, 4, 3, 2, 1] * 10
    assert figures.most_accurate(results[:9]) == results[:9]


def test_comparisons_leave_out_the_numbers_where_they_do_not_fit():
    results = [make_result("torch", f"run_{number}", number % 12) for number in range(40)]
    names = [result.name for result in results]
    pairs = compare_pairs(results)
    assert not figures.plot_comparisons(pairs, names, "MNIST").axes[0].texts
    assert len(figures.plot_comparisons(pairs, names[:5], "MNIST").axes[0].texts) == 10


def test_a_long_legend_makes_the_figure_higher():
    heights = [
        figures.plot_accuracy_per_class(
            [make_result("torch", f"run_{number}", 6) for number in range(n)], NAMES, "MNIST"
        ).get_figheight()
        for n in (9, 10, 50)
    ]
    assert heights == pytest.approx([4.2, 4.2, 4.2 + 8 * 0.2])


def test_mean_and_std_are_numpys_over_all_parts(generator):
    images = generator.random((2500, 28, 28), dtype=np.float32)
    mean, std = figures.mean_and_std(images)
    # Part - mean is float64, the part float32.
    np.testing.assert_allclose(mean, images.mean(axis=0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(std, images.std(axis=0, dtype=np.float64), rtol=1e-6)
