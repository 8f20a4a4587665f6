"""Measurements of speed and memory, each written to a tracked file that the README shows."""
