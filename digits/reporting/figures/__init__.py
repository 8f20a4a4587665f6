"""The figures, by topic. Each `plot_*` returns a matplotlib Figure of what was measured."""
