"""Download: the sources of images, one module per kind of source."""
