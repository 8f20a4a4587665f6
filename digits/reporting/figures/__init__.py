"""The figures, by topic. Each `plot_*` returns a matplotlib Figure of the results."""
