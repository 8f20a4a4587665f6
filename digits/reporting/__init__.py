"""Visualize: what was measured, as tables, figures and a page."""
