"""Evaluate: the measures of a classifier."""
