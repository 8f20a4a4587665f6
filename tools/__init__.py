"""Programs for maintainers: the measured parts of the docs, and the page of plots."""
