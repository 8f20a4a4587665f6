"""One module per DVC stage: read, one call, write. They never import each other."""
