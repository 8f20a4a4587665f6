"""Measurements of speed, memory and spread. Each writes benchmarks/results/<name>.json."""
