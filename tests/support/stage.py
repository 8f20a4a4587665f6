"""Run a program in this interpreter, where the frameworks are imported already."""

import runpy
import sys
from pathlib import Path
from unittest.mock import patch

import pytest


class InProcess:
    """Runs `python -m MODULE` in a folder, in this interpreter.

    It imports the working tree's modules, whatever the folder. A test that needs a process of its
    own, or the code in a clone, runs a subprocess.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(
        self, folder: Path, module: str, *arguments: str, status: int = 0, **variables: str
    ) -> str:
        """Assert the exit status, and return what the program printed."""
        self.capsys.readouterr()
        with self.monkeypatch.context() as patched:
            patched.chdir(folder)
            for name, value in variables.items():
                patched.setenv(name, value)
            found = exit_status(module, *arguments)
        printed = "".join(self.capsys.readouterr())
        assert found == status, printed
        return printed


def exit_status(module: str, *arguments: str) -> int:
    """Run a module as a program; return its exit status as a shell sees it."""
    with patch.object(sys, "argv", [module, *arguments]):
        try:
            runpy.run_module(module, run_name="__main__")
        except SystemExit as end:
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
                return 1
            return end.code or 0
    return 0
