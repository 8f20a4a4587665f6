"""Train one run in PyTorch.

Reads params.yaml, data/processed/preprocessing.json, train/ and validation/; writes
models/torch/<run>/ and, apart, its times.
"""

from digits.errors import one_line_errors

if __name__ == "__main__":
    # Around the imports, too: they take seconds, in which one may press Ctrl-C.
    with one_line_errors():
        from digits.backends.torch import network as backend_torch
        from digits.backends.torch.distributed import join
        from digits.training.loop import run_stage

        run_stage(backend_torch, "torch", join)
