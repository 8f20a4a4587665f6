"""Pictures that people bring: from an image file to MNIST's form."""
