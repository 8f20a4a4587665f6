"""Visualize: the results as tables, figures and a page."""
