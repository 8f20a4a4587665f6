"""The fast engine: the same numbers in less time. Read `conv_block`, `winograd`, `workers`."""
