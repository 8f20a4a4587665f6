"""What all packages stand on: files, and the reader of params.yaml."""
