"""Users' pictures: from an image file to MNIST's form."""
