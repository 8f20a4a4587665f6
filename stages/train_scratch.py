"""Train one run in the engine written from scratch.

Reads params.yaml, data/processed/preprocessing.json, train/ and validation/; writes models/scratch/<run>/ and, apart, its times.
"""

from digits import backend_scratch
from digits.training import run_stage

if __name__ == "__main__":
    run_stage(backend_scratch, "scratch")
