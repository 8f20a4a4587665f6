"""The command line: `digits COMMAND …`. A command's module is imported only when it is asked for.

Each module in digits/commands has

    EXAMPLE                   A command line, shown by --help.
    add_arguments(parser)     Add the command's arguments.
    run(arguments)            Do the work and return the exit status.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from digits.errors import InputError, one_line_errors

DISTRIBUTION = "digits-three-ways"
DESCRIPTION = (
    "Digit classifiers in PyTorch, TensorFlow and NumPy: use them, train them, compare them."
)


class Command(NamedTuple):
    """What `digits --help` says of a command, and the extra that brings its packages."""

    help: str
    extra: str


# The help is the first line of the module's docstring. It stands here too, as reading it there
# would import every command.
COMMANDS = {
    "predict": Command("Classify pictures of digits with a trained model.", "predict"),
    "draw": Command("Serve a page to draw a digit on; every model classifies it.", "draw"),
    "export": Command("Export a model to a file that runs without this project.", "export"),
    "tune": Command("Search for a run's recipe with Optuna.", "tune"),
    "run": Command("Run the pipeline: every stage that is not up to date.", "pipeline"),
    "check": Command("Check the whole of params.yaml.", "pipeline"),
    "verify": Command("Run the pipeline again from nothing and compare every byte.", "pipeline"),
    "prune": Command("Remove the files of runs that params.yaml no longer has.", "pipeline"),
    "refetch": Command("Replace synthetic digits by MNIST.", "pipeline"),
}
# Packages that an option asks for, whatever the command.
EXTRAS = {
    "torch": "torch",
    "torchvision": "torch",
    "tensorflow": "tf",
    "keras": "tf",
    "onnx": "export",
    "onnxruntime": "export",
}


class CommandModule(Protocol):
    """A module in digits/commands."""

    __doc__: str | None
    EXAMPLE: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that the words name, sys.argv's by default; return its exit status."""
    words = sys.argv[1:] if words is None else words
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file name that is not UTF-8 is printed with its own bytes, as ls does.
        sys.stdout.reconfigure(errors="surrogateescape")
    name = next((word for word in words if not word.startswith("-")), "")
    with one_line_errors():
        try:
            status = run_command(name, words)
            sys.stdout.flush()
            return status
        except ModuleNotFoundError as error:
            raise missing_package(name, error) from None
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
            return 130
        except BrokenPipeError:
            # What reads our output, such as `head`, has seen enough. Python must not flush it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0


def run_command(name: str, words: Sequence[str]) -> int:
    """Parse the words and run the command of that name; unknown names end in a usage error."""
    parser, subparsers = build_parser()
    module = load_command(name) if name in COMMANDS else None
    if module:
        describe(subparsers[name], module)
    arguments = parser.parse_args(words)
    if module is None:
        parser.print_help()
        return 0
    return module.run(arguments)


def describe(parser: argparse.ArgumentParser, module: CommandModule) -> None:
    """Give the command's parser what its module says: docstring, example and arguments."""
    parser.description = (module.__doc__ or "").strip()
    parser.epilog = f"example: {module.EXAMPLE}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    module.add_arguments(parser)


def build_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser, and those of the commands, which have no arguments yet, by name."""
    parser = argparse.ArgumentParser(
        prog="digits", description=DESCRIPTION, epilog="digits COMMAND --help tells more of one."
    )
    parser.add_argument("--version", action=Version, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    subparsers = {
        name: commands.add_parser(name, help=command.help.rstrip("."))
        for name, command in COMMANDS.items()
    }
    return parser, subparsers


def load_command(name: str) -> CommandModule:
    """Return the module of a command."""
    return cast(CommandModule, import_module(f"digits.commands.{name}"))


def missing_package(command: str, error: ModuleNotFoundError) -> Exception:
    """Return the error for a package that is not installed: one line that says how to install it.

    A missing module of our own is a bug: it stays what it is.
    """
    package = (error.name or "").partition(".")[0]
    if command not in COMMANDS or package in ("", "digits", "stages"):
        return error
    extra = EXTRAS.get(package, COMMANDS[command].extra)
    return InputError(f"digits {command} needs {package}: pip install '{DISTRIBUTION}[{extra}]'")


class Version(argparse.Action):
    """--version: reads the installed package's metadata only when asked."""

    def __init__(self, **options: object):
        super().__init__(nargs=0, **options)  # type: ignore[arg-type]

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"digits {version(DISTRIBUTION)}")
        except PackageNotFoundError:
            raise InputError("digits is not installed; run `pip install .` in its folder") from None
        parser.exit()
