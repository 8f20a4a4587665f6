"""Download: where images come from, one module per source form."""
