"""Shared by all packages: reading and writing files, and reading params.yaml."""
