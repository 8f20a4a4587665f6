"""Shapes and parameter counts, against numbers worked by hand and against PyTorch's and Keras' own
counts.
"""

import pytest
from conftest import ROOT

from digits.model.architecture import (
    LAYER_TYPES,
    BatchNorm,
    Conv,
    MaxPool,
    ShapeError,
    count_multiplications,
    count_parameters,
    infer_shapes,
    weight_shapes,
)
from digits.training.params import IMAGE_SHAPE, load_params

PARAMS = load_params(ROOT / "params.yaml")


def test_cnn_shapes_are_those_worked_by_hand():
    assert infer_shapes(PARAMS.architectures["cnn"], IMAGE_SHAPE) == [
        (28, 28, 1), (28, 28, 32), (28, 28, 32), (14, 14, 32), (14, 14, 64), (14, 14, 64), (7, 7, 64), (3136,), (128,), (128,), (10,),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "count"),
    [
        # 9 * 32 + 32, 9 * 32 * 64 + 64, 3136 * 128 + 128, 128 * 10 + 10
        ("cnn", 320 + 18_496 + 401_536 + 1_290),
        # 25 * 32 + 32, 25 * 32 * 64 + 64, 4 * 4 * 64 * 128 + 128, 1290
        ("cnn_5x5", 832 + 51_264 + 131_200 + 1_290),
        # 9 * 16 + 16, 9 * 16 * 32 + 32, 7 * 7 * 32 * 128 + 128, 1290
        ("cnn_small", 160 + 4_640 + 200_832 + 1_290),
        # Batch norm has a gamma and a beta a channel.
        ("cnn_best", 832 + 64 + 13_872 + 96 + 27_712 + 128 + 73_856 + 256 + 221_376 + 384 + 17_290),
        ("cnn_fast", 416 + 32 + 12_832 + 64 + 65_664 + 256 + 1_290),
        ("mlp_512_256", 785 * 512 + 513 * 256 + 257 * 10),
        ("mlp_128_64", 785 * 128 + 129 * 64 + 65 * 10),
    ],
)
def test_parameters_are_counted_as_by_hand(name, count):
    assert count_parameters(PARAMS.architectures[name], IMAGE_SHAPE) == count


def test_running_statistics_are_weights_but_no_parameters():
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
        (MaxPool(size=2), (13, 11, 1), "no size above 1 does"),
    ],
)
def test_layer_that_does_not_fit_says_why(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(shape)


def test_multiplications_are_counted_as_by_hand():
    # 784 places for each value of a kernel, then 196; one for each value of a matrix
    assert count_multiplications(PARAMS.architectures["cnn"], IMAGE_SHAPE) == [
        784 * 9 * 32,
        196 * 9 * 32 * 64,
        3136 * 128,
        1280,
    ]


def test_layers_give_back_the_data_they_were_made_of():
    assert [layer.as_data() for layer in PARAMS.architectures["cnn_small"]][-4:] == [
        {"dense": {"units": 128}}, "relu", {"dropout": {"rate": 0.25}}, {"dense": {"units": 10}},
    ]  # fmt: skip


def test_weights_are_named_by_layer_and_role():
    assert weight_shapes(PARAMS.architectures["cnn"], IMAGE_SHAPE)["3_conv.W"] == (3, 3, 32, 64)


def test_every_layer_type_is_named_after_its_key():
    assert all(name == cls.type for name, cls in LAYER_TYPES.items())
