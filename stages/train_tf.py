"""Train one run in TensorFlow.

Reads params.yaml, data/processed/preprocessing.json, train/ and validation/; writes
models/tf/<run>/ and, separately, timings/tf/<run>.json.
"""

from digits.base.processor import limit_instructions
from digits.errors import one_line_errors


def main() -> None:
    """Train the run named on the command line, by default that of DVC's stage."""
    limit_instructions()
    from digits.backends.tf import fit
    from digits.training.stage import train_stage

    train_stage(fit, "tf")


if __name__ == "__main__":
    with one_line_errors():  # around the imports too: they take seconds, and Ctrl-C may come
        main()
