"""PyTorch."""

import os

# How long an idle OpenMP thread spins before it sleeps. With the default, a busy neighbour slows
# training manyfold. It must be set before PyTorch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
