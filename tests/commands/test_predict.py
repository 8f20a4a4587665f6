"""`python -m digits.commands.predict`: one's own pictures, classified as a user would, and nearly
as well as MNIST's own images.
"""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ENVIRONMENT, ROOT, train_mlp
from paper import (
    ONE_ONE,
    SEVEN,
    as_file,
    as_image,
    grainy,
    on_paper,
    on_table,
    ruled,
    save,
    shaded,
    shadowed,
    write_strokes,
)
from PIL import Image

from digits.backends.scratch import network as backend_scratch
from digits.commands.predict import classify
from digits.datasets.fetch import fetch
from digits.errors import InputError
from digits.pictures.mnist_form import to_mnist_form
from digits.pictures.picture_file import decode_picture

RING = [
    [
        (0.5 + 0.16 * np.cos(angle), 0.5 + 0.25 * np.sin(angle))
        for angle in np.linspace(0, 2 * np.pi, 40)
    ]
]


@pytest.fixture
def zero(tmp_path):
    return save(write_strokes(RING), tmp_path / "zero.png")


def predict(*arguments: object, status: int = 0) -> tuple[str, str]:
    """Run the command, assert its exit status, and return what it wrote on standard output and on
    standard error.
    """
    command = [sys.executable, "-m", "digits.commands.predict", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def test_digit_is_printed_with_its_confidence_and_the_runners_up(zero, models):
    for model in (models / "scratch/mlp", models / "scratch/mlp/model.safetensors"):
        printed, complaints = predict(zero, "--model", model)
        assert re.fullmatch(
            rf"{zero}: 0 \(\d+\.\d %\), then \d \(\d+\.\d %\), \d \(\d+\.\d %\)\n", printed
        )
        assert complaints == ""


def test_json_has_the_probabilities_of_all_classes(zero, models):
    (answer,) = json.loads(predict(zero, "--model", models / "scratch/mlp", "--json")[0])
    assert (answer["file"], answer["class"]) == (str(zero), "0")
    assert list(answer["probabilities"]) == list("0123456789")
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert (
        answer["confidence"]
        == max(answer["probabilities"].values())
        == answer["probabilities"]["0"]
    )


def test_all_back_ends_agree(zero, models):
    def probabilities(backend: str) -> dict[str, float]:
        return json.loads(
            predict(zero, "--model", models / "scratch/mlp", "--json", "--backend", backend)[0]
        )[0]["probabilities"]

    expected = probabilities("scratch")
    for other in ("torch", "tf"):
        # Float32, rounded to six digits.
        assert probabilities(other) == pytest.approx(expected, abs=1e-5)


def test_a_bad_file_among_several_gets_its_line_and_the_others_their_answers(
    zero, models, tmp_path
):
    (tmp_path / "letter.png").write_text("no picture")
    save(Image.new("L", (100, 100), 255), tmp_path / "blank.png")
    save(write_strokes(ONE_ONE), tmp_path / "eleven.png")
    files = [tmp_path / name for name in ("letter.png", "blank.png", "eleven.png", "absent.png")]
    faults = ("is no picture", "is blank", "has 2 separate glyphs", "cannot be read")
    printed, complaints = predict(
        files[0], zero, *files[1:], "--model", models / "scratch/mlp", status=1
    )
    assert printed.startswith(f"{zero}: 0 (")
    for line, file, fault in zip(complaints.splitlines(), files, faults, strict=True):
        assert line.startswith(f"error: {file}: {fault}")
    printed, _ = predict(*files, zero, "--model", models / "scratch/mlp", "--json", status=1)
    assert [sorted(answer) for answer in json.loads(printed)] == [["error", "file"]] * 4 + [
        ["class", "confidence", "file", "probabilities"]
    ]


def test_show_writes_what_the_network_saw(zero, models, tmp_path):
    seven = save(write_strokes(SEVEN), tmp_path / "seven.png")
    predict(zero, seven, "--model", models / "scratch/mlp", "--show", tmp_path / "out" / "seen.png")
    shown = np.asarray(Image.open(tmp_path / "out" / "seen.png"))
    assert np.array_equal(
        shown[::10, ::10],
        np.hstack(
            [to_mnist_form(write_strokes(strokes).convert("RGB")) for strokes in (RING, SEVEN)]
        ),
    )


def test_what_is_no_model_is_told_in_one_line(zero, tmp_path):
    for model, fault in (
        (tmp_path, "cannot be read: No such file"),
        (zero, "is no model file of this project"),
    ):
        printed, complaint = predict(zero, "--model", model, status=1)
        assert printed == ""
        assert complaint.startswith(f"error: {model}")
        assert fault in complaint
        assert len(complaint.splitlines()) == 1


# What is done to an image of MNIST before it is saved as a file.
CONDITIONS = {
    "enlarged": lambda image, generator: np.kron(image / 255, np.ones((9, 9))),
    "inverted": lambda image, generator: 1 - image / 255,
    "off centre on larger paper, with grain": lambda image, generator: grainy(
        on_paper(image, generator), generator, 0.06
    ),
    "light on dark": lambda image, generator: grainy(
        on_paper(image, generator, ink=0.9, paper=0.2), generator
    ),
    "shaded": lambda image, generator: grainy(
        shaded(on_paper(image, generator), generator, 0.6), generator
    ),
    "partly in a shadow": lambda image, generator: grainy(
        shadowed(on_paper(image, generator), generator), generator
    ),
    "pencil on ruled paper": lambda image, generator: grainy(
        ruled(on_paper(image, generator, ink=0.4), generator, 0.8), generator
    ),
    "on a table": lambda image, generator: grainy(
        on_table(on_paper(image, generator), generator), generator
    ),
}
N_DIGITS = 40
# Of those that the network gets right as they are in MNIST; of 200, the networks of the pipeline
# lose at most three here.
N_LOST = 2


@pytest.fixture(scope="module")
def mnist(mnist_folder, tmp_path_factory):
    """A network trained for a few seconds, and test images that it gets right, with their labels."""
    splits = fetch("mnist", str(mnist_folder), tmp_path_factory.mktemp("mnist")).splits
    model = train_mlp(*(array[:20_000] for array in splits["train"]), epochs=4)
    images, labels = (array[100:400] for array in splits["test"])
    is_right = classify(backend_scratch, model, list(images)).argmax(axis=1) == labels
    assert is_right.mean() > 0.9
    return model, images[is_right][:N_DIGITS], labels[is_right][:N_DIGITS]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_pictures_of_digits_are_classified_nearly_as_well_as_the_images_of_mnist(
    condition, mnist, generator
):
    model, images, labels = mnist
    found = []
    for number, image in enumerate(images):
        kind = {"kind": "jpeg", "quality": 80} if number % 2 else {"kind": "png"}
        try:
            found.append(
                to_mnist_form(
                    decode_picture(
                        as_file(as_image(CONDITIONS[condition](image, generator)), **kind)
                    )
                )
            )
        except InputError:
            found.append(np.zeros((28, 28), np.uint8))
    n_wrong = np.count_nonzero(classify(backend_scratch, model, found).argmax(axis=1) != labels)
    assert n_wrong <= N_LOST
