"""Classify a picture with a saved model, through the library.

    python examples/use_a_model.py models/torch/cnn photo.png

A model file has the architecture, the weights and the preprocessing. The engine written from
scratch runs the models of all three frameworks.
"""

import sys
from pathlib import Path

from digits.backends.scratch import network
from digits.model.model_file import load_model
from digits.pictures.mnist_form import to_mnist_form
from digits.pictures.picture_file import read_picture

model = load_model(Path(sys.argv[1]))
image = to_mnist_form(read_picture(Path(sys.argv[2])))  # uint8 (28, 28): 0 background, 255 ink

inputs = model.inputs(image[None])  # (1, 28, 28, 1), or (1, n_pixels) for a pruned model
layers = model.description.architecture
(probabilities,) = network.predict(layers, model.weights, inputs, threads=1)

names = model.description.preprocessing.class_names
for number in probabilities.argsort()[::-1]:
    print(f"{names[number]}  {100 * probabilities[number]:5.1f} %")
