"""Models as files that others load without this project: one module per format."""
