"""Shapes and parameter counts, against numbers worked by hand."""

import pytest
from ruamel.yaml import YAML

from digits.base.params import load_section
from digits.model.architecture import (
    LAYER_TYPES,
    Architecture,
    BatchNorm,
    Conv,
    MaxPool,
    ShapeError,
    count_multiplications,
    count_parameters,
    infer_shapes,
    weight_shapes,
)
from digits.training.run import IMAGE_SHAPE
from tests.support.committed import git
from tests.support.networks import parse

CNN = parse(
    {"conv": {"filters": 32, "kernel_size": 3}},
    "relu",
    {"max_pool": {"size": 2}},
    {"conv": {"filters": 64, "kernel_size": 3}},
    "relu",
    {"max_pool": {"size": 2}},
    "flatten",
    {"dense": {"units": 128}},
    "relu",
    {"dense": {"units": 10}},
)


@pytest.fixture(scope="module")
def committed() -> dict[str, Architecture]:
    """The architectures of the committed params.yaml: an edit of the file fails no test."""
    data = YAML(typ="safe").load(git("show", "HEAD:params.yaml"))
    architectures: dict[str, Architecture] = load_section(
        dict[str, Architecture], "architectures", data=data
    )
    return architectures


def test_cnn_shapes_are_those_worked_by_hand():
    assert infer_shapes(CNN, IMAGE_SHAPE) == [
        (28, 28, 1),
        *[(28, 28, 32), (28, 28, 32), (14, 14, 32)],
        *[(14, 14, 64), (14, 14, 64), (7, 7, 64)],
        *[(3136,), (128,), (128,), (10,)],
    ]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        # 9 * 32 + 32, 9 * 32 * 64 + 64, 3136 * 128 + 128, 128 * 10 + 10
        ("cnn", 320 + 18_496 + 401_536 + 1_290),
        # 25 * 32 + 32, 25 * 32 * 64 + 64, 4 * 4 * 64 * 128 + 128, 1290
        ("cnn_5x5", 832 + 51_264 + 131_200 + 1_290),
        # 9 * 16 + 16, 9 * 16 * 32 + 32, 7 * 7 * 32 * 128 + 128, 1290
        ("cnn_small", 160 + 4_640 + 200_832 + 1_290),
        # Batch norm has a gamma and a beta for each channel.
        ("cnn_best", 416 + 32 + 19_248 + 96 + 41_568 + 192 + 49_280 + 256 + 1_290),
        ("cnn_fast", 416 + 32 + 12_832 + 64 + 65_664 + 256 + 1_290),
        ("mlp_512_256", 785 * 512 + 513 * 256 + 257 * 10),
        ("mlp_128_64", 785 * 128 + 129 * 64 + 65 * 10),
    ],
)
def test_parameters_are_counted_as_by_hand(committed, name, count):
    assert count_parameters(committed[name], IMAGE_SHAPE) == count


def test_running_statistics_are_weights_but_not_parameters():
    assert count_parameters([BatchNorm()], (5, 5, 3)) == 6
    assert list(weight_shapes([BatchNorm()], (5, 5, 3)).values()) == [(3,)] * 4


@pytest.mark.parametrize(
    ("size", "stride", "expected"), [(5, 1, 24), (3, 2, 13), (4, 3, 9), (28, 1, 1)]
)
def test_valid_convolution_has_as_many_windows_as_fit(size, stride, expected):
    layer = Conv(filters=2, kernel_size=size, stride=stride, padding="valid")
    assert layer.output_shape(IMAGE_SHAPE) == (expected, expected, 2)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            Conv(filters=1, kernel_size=9, padding="valid"),
            (8, 8, 1),
            "kernel_size 9 is larger than its 8 x 8 input",
        ),
        (Conv(filters=1, kernel_size=3), (784,), "conv takes images, not 784 values"),
        (MaxPool(size=2), (7, 7, 1), "max_pool size 2 does not divide 7 x 7; use one of: 7"),
        (MaxPool(size=2), (13, 11, 1), "remove it: no size fits"),
    ],
)
def test_layer_that_does_not_fit_says_why(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(shape)


def test_multiplications_are_counted_as_by_hand():
    # 784 positions for each value of a kernel, then 196; one for each value of a matrix.
    expected = [784 * 9 * 32, 196 * 9 * 32 * 64, 3136 * 128, 1280]
    assert count_multiplications(CNN, IMAGE_SHAPE) == expected


def test_layers_return_the_data_they_were_made_of():
    data = [
        {"conv": {"filters": 4, "kernel_size": 3, "stride": 2, "padding": "valid"}},
        "relu",
        {"dropout": {"rate": 0.25}},
        {"dense": {"units": 10}},
    ]
    assert [layer.as_data() for layer in parse(*data)] == data


def test_layers_return_their_defaults_too():
    (conv,) = parse({"conv": {"filters": 4, "kernel_size": 3}})
    options = {"filters": 4, "kernel_size": 3, "stride": 1, "padding": "same"}
    assert conv.as_data() == {"conv": options}


def test_weights_are_named_by_layer_and_role():
    shapes = weight_shapes(CNN, IMAGE_SHAPE)
    assert list(shapes) == [
        *["0_conv.W", "0_conv.b", "3_conv.W", "3_conv.b"],
        *["7_dense.W", "7_dense.b", "9_dense.W", "9_dense.b"],
    ]
    assert shapes["3_conv.W"] == (3, 3, 32, 64)


def test_every_layer_type_is_named_after_its_key():
    assert all(name == cls.type for name, cls in LAYER_TYPES.items())
