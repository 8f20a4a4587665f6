"""The report's captions: each sentence is computed from the results."""

import pytest

from digits.reporting.captions import CAPTIONS, DESCRIPTIONS, describe_figure
from tests.support.findings import make_findings

# Twelve images. 9, 11 and 6 of them are right.
FOUND = make_findings([("torch", "cnn", 9), ("tf", "cnn", 11), ("scratch", "mlp", 6)])


def test_every_figure_has_a_caption_and_a_description():
    assert CAPTIONS.keys() == DESCRIPTIONS.keys()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "accuracy",
            "tf cnn is the most accurate with 91.67 %. It differs significantly from none of the",
        ),
        ("accuracy_against_time", "has the shortest training, 3 s, and reaches 91.67 %."),
        ("confusion_matrices", "of all 3 runs together is c classified as a: 4 times."),
        (
            "accuracy_per_class",
            "class c has the lowest accuracy, 66.67 %, and class a the highest, 75",
        ),
        ("reliability", "by 1.2 points on average (expected calibration error)."),
        ("sample_predictions", "torch cnn: it classifies a c as a with 86.67 %."),
        ("comparisons", "0 of 3 pairs differ significantly at 5 %."),
        ("shared_mistakes", "All 3 runs misclassified 1 images."),
        ("pruned_pixels", "484 of 784 pixels are pruned."),
        ("first_layer_filters", "0 of 3 networks begin with a convolution"),
    ],
)
def test_a_description_has_the_numbers_of_the_results(name, expected):
    text = describe_figure(name, FOUND)
    assert text.startswith(f"{CAPTIONS[name]} ")
    assert expected in text


def test_the_lowest_and_the_highest_validation_loss_are_named():
    found = make_findings([("torch", "cnn", 9), ("tf", "cnn", 11)])
    history = found.results[1].history
    history.loc[history["split"] == "validation", "loss"] = 0.25
    expected = "lowest for tf cnn, 0.2500, and highest for torch cnn, 0.6000."
    assert expected in describe_figure("learning_curves", found)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", "torch cnn is the most accurate with 100.00 %."),
        ("learning_curves", "The last validation loss is 0.6000."),
        ("comparisons", "0 of 0 pairs differ significantly at 5 %."),
        ("confusion_matrices", "No run misclassified an image."),
        ("sample_predictions", "No run made a mistake."),
    ],
)
def test_one_run_without_a_mistake_is_described(name, expected):
    found = make_findings([("torch", "cnn", 12)])
    assert describe_figure(name, found) == f"{CAPTIONS[name]} {expected}"
