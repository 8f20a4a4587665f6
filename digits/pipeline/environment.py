"""The environment variables that DVC and the stages need, in whatever environment they start.

A service, an IDE or a container may have no activated environment, no home folder, no user name and
no shell. DVC then stops, or it removes a stage's outputs and finds no `python`.

dvc_start.pth calls `complete` at the start of each `dvc` and `digits` of this environment.
"""

import getpass
import os
import sys
import tempfile
from pathlib import Path

NO_SHELLS = ("nologin", "false")  # shells of users who must not log in


def completed() -> dict[str, str]:
    """Return this process's environment variables with those that DVC and the stages need.

    The programs of this interpreter's environment come first in PATH. HOME, LOGNAME and SHELL are
    set if there is none that serves.
    """
    variables = dict(os.environ)
    programs, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if path.split(os.pathsep)[0] != programs:
        variables["PATH"] = os.pathsep.join([programs, path])
    if not has_home():
        variables["HOME"] = tempfile.gettempdir()
    if not has_user_name():
        variables["LOGNAME"] = f"uid-{os.getuid()}"
    shell = os.environ.get("SHELL", "")
    if shell and (not os.access(shell, os.X_OK) or Path(shell).name in NO_SHELLS):
        variables["SHELL"] = "/bin/sh"
    return variables


def complete() -> None:
    """Complete this process's own environment."""
    os.environ.update(completed())


def has_home() -> bool:
    """Return whether Python finds this user's home folder, in HOME or in /etc/passwd."""
    try:
        Path.home()
    except RuntimeError:
        return False
    return True


def has_user_name() -> bool:
    """Return whether Python finds a name of this user, in the environment or in /etc/passwd."""
    try:
        return bool(getpass.getuser())
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return False
