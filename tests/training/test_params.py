"""params.yaml is read strictly, and each fault is one clear line."""

import re

import pytest
from conftest import ROOT

from digits.errors import InputError
from digits.training.params import load_params

TEXT = (ROOT / "params.yaml").read_text()


def fault(tmp_path, pattern: str, replacement: str) -> str:
    """Return the message for params.yaml with the first match of `pattern` replaced."""
    text, count = re.subn(pattern, replacement, TEXT, count=1)
    assert count == 1, f"{pattern} is not in params.yaml"
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_params(tmp_path / "params.yaml")
    return str(caught.value).removeprefix(f"{tmp_path}/")


def test_committed_params_are_valid():
    params = load_params(ROOT / "params.yaml")
    assert list(params.runs("scratch")) == ["cnn", "fast", "mlp", "mlp_sigmoid"]


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        (
            "(mlp_128_64.*)optimizer: sgd",
            r"\1optimizer: adm",
            "params.yaml: train_scratch.mlp.optimizer is 'adm'; expected one of: sgd, adam, conjugate_",
        ),
        (
            "  dataset: mnist",
            "  datset: mnist",
            "params.yaml: download has the unknown key 'datset'; expected: dataset, mirror",
        ),
        ("seed: 0", "seed: zero", "params.yaml: seed is 'zero'; expected a valid integer"),
        ("seed: 0", "seed: true", "params.yaml: seed is True; expected a valid integer"),
        ("threads: 2", "threads: 0", "params.yaml: threads is 0; expected greater than 0"),
        ("threads: 2", "", "params.yaml: threads is missing"),
        ("processes: 1", "processes: 0", "params.yaml: processes is 0; expected greater than 0"),
        (
            "device: auto",
            "device: gpu",
            "params.yaml: device is 'gpu'; expected one of: auto, cpu, cuda",
        ),
        (
            "learning_rate: [0-9.]+",
            "learning_rate: .nan",
            "params.yaml: train_torch.cnn.learning_rate is nan; expected a finite number",
        ),
        (
            "learning_rate: [0-9.]+",
            "learning_rate: .inf",
            "params.yaml: train_torch.cnn.learning_rate is inf; expected a finite number",
        ),
        (
            "(mlp_128_64.*)momentum: [0-9.]+",
            r"\1momentum: 1",
            "params.yaml: train_scratch.mlp.momentum is 1; expected less than 1",
        ),
        (
            "(mlp_128_64.*)momentum: [0-9.]+, ",
            r"\1",
            "params.yaml: train_scratch.mlp lacks momentum, which sgd needs",
        ),
        (
            "pixels: kept}",
            "pixels: kept, batch_size: 3}",
            "params.yaml: train_scratch.mlp_sigmoid has batch_size, which conjugate_gradient does not use",
        ),
        (
            "architecture: cnn_5x5",
            "architecture: resnet",
            r"params.yaml: train_torch.cnn_5x5.architecture is 'resnet'; expected one of: cnn, ",
        ),
        (
            "size: 2",
            "size: 3",
            "params.yaml: architectures.cnn[2]: max_pool size 3 does not divide 28 x 28; use one of: 2, 4, 7, 14, 28",
        ),
        (
            "- relu",
            "- relo",
            "params.yaml: architectures.cnn[1] is 'relo'; expected one of: conv, max_pool, dense, relu, sigmoid, ",
        ),
        (
            "filters: 32",
            "filter: 32",
            "params.yaml: architectures.cnn[0].conv has the unknown key 'filter'; expected: filters, kernel_size, stride",
        ),
        (
            "filters: 32",
            "filters: many",
            "params.yaml: architectures.cnn[0].conv.filters is 'many'; expected a valid integer",
        ),
        (
            "units: 10}",
            "units: 11}",
            "params.yaml: architectures.cnn ends in 11 outputs; end it in dense with 10 units",
        ),
        (
            "    - flatten\n",
            "",
            "params.yaml: architectures.cnn[6]: dense takes flat vectors, not 7 x 7 x 64; put flatten before it",
        ),
        (
            "kernel_size: 3",
            "kernel_size: 3, stride: 2",
            "params.yaml: architectures.cnn[0]: conv padding 'same' needs stride 1, not 2",
        ),
        ("  cnn_5x5: ", "  ../cnn: ", "params.yaml: train_torch.../cnn"),
        (
            "schedule: one_cycle}",
            "schedule: one_cycle, nesterov: true}",
            "params.yaml: train_torch.cnn has nesterov, which needs sgd",
        ),
        ("seed: 0", "seed: [", "params.yaml: is not YAML: "),
    ],
)
def test_fault_is_named_with_place_value_and_expectation(tmp_path, pattern, replacement, message):
    found = fault(tmp_path, pattern, replacement)
    assert found.startswith(message)


def test_conjugate_gradient_outside_scratch_is_refused(tmp_path):
    found = fault(
        tmp_path,
        "optimizer: adam, epochs: [0-9]+, batch_size: [0-9]+, .*}",
        "optimizer: conjugate_gradient, epochs: 9}",
    )
    assert found == (
        "params.yaml: train_torch.cnn.optimizer is 'conjugate_gradient'; expected one of: sgd, adam (conjugate_gradient is scratch's alone)"
    )


def test_exponent_without_point_is_a_number(tmp_path):
    (tmp_path / "params.yaml").write_text(
        re.sub("learning_rate: [0-9.]+", "learning_rate: 1e-4", TEXT)
    )
    assert load_params(tmp_path / "params.yaml").recipe("torch", "cnn").learning_rate == 1e-4


@pytest.mark.parametrize("content", [b"", b"- a list", b"\xff\xfe", b"a: 1\na: 2"])
def test_file_that_is_no_mapping_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(InputError, match=r"params\.yaml"):
        load_params(tmp_path / "params.yaml")


def test_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_params(tmp_path / "params.yaml")


def test_unknown_run_is_answered_with_those_there_are():
    with pytest.raises(
        InputError, match="train_tf has no run 'mlp'; expected one of: cnn, cnn_small"
    ):
        load_params(ROOT / "params.yaml").recipe("tf", "mlp")
