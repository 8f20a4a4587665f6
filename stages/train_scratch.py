"""Train one run in the engine written from scratch.

Reads params.yaml, data/processed/preprocessing.json, train/ and validation/; writes
models/scratch/<run>/ and, separately, timings/scratch/<run>.json.
"""

from digits.base.processor import limit_instructions
from digits.errors import one_line_errors


def main() -> None:
    """Train the run named on the command line, by default that of DVC's stage."""
    limit_instructions()
    from digits.backends.scratch import fit
    from digits.training.stage import train_stage

    train_stage(fit, "scratch")


if __name__ == "__main__":
    with one_line_errors():  # around the imports too: they take seconds, and Ctrl-C may come
        main()
