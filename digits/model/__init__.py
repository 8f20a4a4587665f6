"""A saved model: its architecture and its file."""
