"""Pictures that people bring: from a file to MNIST's form."""
