"""Builders and helpers that several tests use. No test imports a test or a conftest.py."""
