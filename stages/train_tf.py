"""Train one run in TensorFlow.

Reads params.yaml, data/processed/preprocessing.json, train/ and validation/; writes
models/tf/<run>/ and, apart, its times.
"""

from digits.errors import one_line_errors

if __name__ == "__main__":
    # Around the imports, too: they take seconds, in which one may press Ctrl-C.
    with one_line_errors():
        from digits.backends.tf import network as backend_tf
        from digits.backends.tf.distributed import join
        from digits.training.loop import run_stage

        run_stage(backend_tf, "tf", join)
