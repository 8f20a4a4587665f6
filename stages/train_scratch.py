"""Train one run in the engine written from scratch.

Reads params.yaml, data/processed/preprocessing.json, train/ and validation/; writes
models/scratch/<run>/ and, apart, its times.
"""

from digits.errors import one_line_errors

if __name__ == "__main__":
    # Around the imports, too: they take seconds, in which one may press Ctrl-C.
    with one_line_errors():
        from digits.backends.scratch import network as backend_scratch
        from digits.training.loop import run_stage

        run_stage(backend_scratch, "scratch")
