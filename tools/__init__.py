"""Programs for maintainers: the measured parts of the docs, the page of plots."""
