"""Train one run in TensorFlow.

Reads params.yaml, data/processed/preprocessing.json, train/ and validation/; writes models/tf/<run>/ and, apart, its times.
"""

from digits import backend_tf
from digits.training import run_stage

if __name__ == "__main__":
    run_stage(backend_tf, "tf")
