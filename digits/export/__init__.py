"""Export models to files that other programs load without this project: one module per format."""
