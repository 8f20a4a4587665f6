"""Train one run in PyTorch.

Reads params.yaml, data/processed/preprocessing.json, train/ and validation/; writes models/torch/<run>/ and, apart, its times.
"""

from digits import backend_torch
from digits.training import run_stage

if __name__ == "__main__":
    run_stage(backend_torch, "torch")
