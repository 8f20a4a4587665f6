"""The engine made fast: the same numbers. Read `conv_block`, `winograd`, then `workers`."""
