"""The engine in digits/scratch."""
