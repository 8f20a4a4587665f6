"""The environment that tests and their subprocesses see: the user's own settings are cleared."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

# Variables that change what the code or the tools it starts do. What is set in a shell, by a
# launcher or by a CI service must not decide whether a test passes.
SENSITIVE_PREFIXES = (
    "DIGITS_",  # DIGITS_MIRROR: where downloads come from
    "DVC_",
    "GIT_",
    "PYTHON",  # PYTHONPATH, PYTHONOPTIMIZE, PYTHONWARNINGS …
    "OMP_",
    "GOMP_",
    "MKL_",
    "KMP_",
    "NUMEXPR_",
    "TF_",
    "KERAS_",
    "TORCH",  # TORCHELASTIC_RUN_ID, TORCH_LOGS …
    "CUDA_",
    "AWS_",
    "OPTUNA_",
)
SENSITIVE_NAMES = {
    "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE",
    "MASTER_ADDR", "MASTER_PORT",
    "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE",
    "CI", "GITHUB_ACTIONS", "JOBS", "MAKEFLAGS", "MFLAGS", "MAKELEVEL",
    "BROWSER", "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "MPLBACKEND", "MPLCONFIGDIR",
}  # fmt: skip
# OPENBLAS_CORETYPE stays: it does not change what the code does, it names the kernels for the
# processor. A machine that OpenBLAS takes for another one computes only with it.
#
# Switches of the tests themselves: "required" makes a missing program a failure, not a skip.
SWITCHES = {"DIGITS_BROWSER", "DIGITS_SSHD", "DIGITS_POSTGRESQL"}


def is_sensitive(name: str) -> bool:
    """Return whether an environment variable may change what a test sees."""
    if name in SWITCHES:
        return False
    return name.upper() in SENSITIVE_NAMES or name.startswith(SENSITIVE_PREFIXES)


def clean_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for a subprocess, without those that change what it does.

    `python` and `dvc` are those that run the tests. git and DVC read a repository's own
    configuration and no other.
    """
    kept = {name: value for name, value in variables.items() if not is_sensitive(name)}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:{variables.get('PATH', os.defpath)}",
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "DVC_GLOBAL_CONFIG_DIR": "/nonexistent",
        "DVC_SYSTEM_CONFIG_DIR": "/nonexistent",
        "DVC_NO_ANALYTICS": "1",
        "DVC_DAEMON": "1",  # start none: it would ask for DVC's latest version
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        # The checkout may belong to another user, as in a container.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "GIT_AUTHOR_NAME": "test",
        "GIT_AUTHOR_EMAIL": "test@localhost",
        "GIT_COMMITTER_NAME": "test",
        "GIT_COMMITTER_EMAIL": "test@localhost",
    }


ENVIRONMENT = clean_environment(os.environ)
