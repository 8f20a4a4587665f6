"""dvc.lock: what each stage last read and wrote. Compare two locks, or find stale entries."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from digits.base.files import write_text
from digits.errors import InputError
from digits.pipeline.fingerprint import FINGERPRINTS, stage_fingerprint

LOCK = "dvc.lock"
PIPELINE = "dvc.yaml"
# The outputs that hold wall-clock times. No other output depends on them.
TIMING = ("timings/", "plots/report.html", "plots/timing/")

SAME_COMMIT = "check out the same commit in both, and run `dvc repro`"

# PyYAML's C parser reads the lock of 200 runs in 0.1 s; in Python it takes seconds.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Entry = dict[str, Any]  # of one stage: cmd, deps, params, outs


def read_lock(root: Path) -> dict[str, Entry]:
    """Return the stages of a checkout's dvc.lock; raise InputError if it cannot be read."""
    path = root / LOCK
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a checkout in which the pipeline has run")
    try:
        stages: dict[str, Entry] = yaml.load(path.read_text("utf-8"), LOADER)["stages"]
    except (yaml.YAMLError, UnicodeDecodeError, LookupError, TypeError):
        # DVC does not write it in one piece, so a kill at that moment cuts it short.
        raise InputError(f"{path}: is cut short; run `git checkout {LOCK}`") from None
    return stages


def remove_entries(root: Path, names: Iterable[str]) -> None:
    """Remove the entries of stages from a checkout's dvc.lock; the rest keeps its bytes."""
    path = root / LOCK
    lines = path.read_text("utf-8").splitlines(keepends=True)
    places = stage_lines(path)
    for start, end in sorted((places[name] for name in names), reverse=True):
        del lines[start - 1 : end - 1]
    write_text(path, "".join(lines))


def stage_lines(path: Path) -> dict[str, tuple[int, int]]:
    """Return each stage's place in dvc.yaml or dvc.lock: its first line, and the line after it.

    Lines count from 1.
    """
    root = yaml.compose(path.read_text("utf-8"), LOADER)
    stages = next(value for key, value in root.value if key.value == "stages")
    names = [key.value for key, _ in stages.value]
    starts = [key.start_mark.line + 1 for key, _ in stages.value]
    return dict(zip(names, pairwise([*starts, stages.end_mark.line + 1]), strict=True))


def differing_outputs(ours: dict[str, Entry], theirs: dict[str, Entry]) -> list[str]:
    """Return the paths of the outputs with different hashes, except those with times.

    Raises InputError unless code and params are the same.
    """
    if ours.keys() != theirs.keys():
        different = ", ".join(sorted(ours.keys() ^ theirs.keys()))
        raise InputError(f"stages in one {LOCK} only: {different}; {SAME_COMMIT}")
    made = output_hashes(ours)
    for stage in ours:
        mine, other = ours[stage], theirs[stage]
        if mine.get("params") != other.get("params"):
            raise InputError(f"{stage} has different params in the two checkouts; {SAME_COMMIT}")
        if sources(mine, made) != sources(other, made):
            raise InputError(f"{stage} has different deps in the two checkouts; {SAME_COMMIT}")
    other_made = output_hashes(theirs)
    return [
        path
        for path in sorted(made.keys() | other_made.keys())
        if made.get(path) != other_made.get(path) and not f"{path}/".startswith(TIMING)
    ]


def output_hashes(stages: Mapping[str, Entry]) -> dict[str, str]:
    """Return the hash of every output by its path."""
    return {out["path"]: out["md5"] for entry in stages.values() for out in entry["outs"]}


def sources(entry: Entry, made: Iterable[str]) -> dict[str, str]:
    """Return the hashes of a stage's fingerprint and of its deps that are not outputs of a stage.

    The stage `fingerprint` has none, because a changed comment in its deps changes no code.
    """
    if any(out["path"] == FINGERPRINTS for out in entry["outs"]):
        return {}
    return {
        dep["path"]: dep["md5"]
        for dep in entry["deps"]
        if is_fingerprint(dep["path"]) or not any(overlap(dep["path"], path) for path in made)
    }


def is_fingerprint(path: str) -> bool:
    """Return whether a path is that of a stage's fingerprint."""
    return path.startswith(f"{FINGERPRINTS}/")


def overlap(one: str, other: str) -> bool:
    """Return whether two paths are the same, or one is a folder that holds the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def stale_entries(root: Path) -> list[str]:
    """Return a line for each stage with an entry in dvc.lock that does not fit the checkout `root`.

    An entry must have the stage's command, paths and parameters, its newly computed fingerprint,
    and the hashes of the existing outputs. Cached outputs may be absent. The deps of the stage
    `fingerprint` are not compared, because a changed comment leaves every fingerprint as it is.
    """
    from dvc.repo import Repo  # takes a second

    locked, lines = read_lock(root), stage_lines(root / PIPELINE)
    # A checkout may be a plain copy of the files, without git.
    with Repo(str(root), config={"core": {"no_scm": True}}) as repo:
        # Only the stages of this folder's dvc.yaml: subfolders may have other pipelines.
        stages = {
            stage.name: stage for stage in repo.index.stages if stage.path_in_repo == PIPELINE
        }
        found = {name: list(faults(stage, locked, root)) for name, stage in stages.items()}
    found |= {name: [f"is not in {PIPELINE}"] for name in locked.keys() - stages.keys()}
    return [
        describe_stale(name, lines.get(name.split("@")[0]), reasons)
        for name, reasons in found.items()
        if reasons
    ]


def describe_stale(name: str, lines: tuple[int, int] | None, reasons: list[str]) -> str:
    """Return the line about one stage, with its place in dvc.yaml if it has one."""
    place = f"{PIPELINE}:{lines[0]}" if lines else PIPELINE
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    todo = "run make run and commit the result"
    return f"{LOCK} is stale: {place}: {name}: {reasons[0]}{more}; {todo}"


def faults(stage: Any, locked: Mapping[str, Entry], root: Path) -> Iterator[str]:
    """Yield what is wrong with the entry of one of DVC's stages."""
    entry = locked.get(stage.name)
    if entry is None:
        yield f"is not in {LOCK}"
        return
    if stage.cmd_changed:
        yield f"has a different command in {LOCK}"
    yield from path_faults(stage, entry)
    for params in stage.params:
        for name in params.status().get("params.yaml", {}):
            yield f"{name} has a different value in {LOCK}"
    made = output_hashes(locked)
    for dep in entry["deps"]:
        if made.get(dep["path"], dep["md5"]) != dep["md5"]:
            yield f"{dep['path']} has a different hash in the entry of the stage that makes it"
        if is_fingerprint(dep["path"]) and dep["md5"] != fingerprint_md5(dep["path"], root):
            yield f"{dep['path']} has a different hash in {LOCK}"
    for out in stage.outs:
        if (out.exists or not out.use_cache) and out.workspace_status():
            difference = "has a different hash in" if out.exists else "is missing; it is in"
            yield f"{out.def_path} {difference} {LOCK}"


def path_faults(stage: Any, entry: Entry) -> Iterator[str]:
    """Yield the paths and parameters that only the stage or only its entry has."""
    declared = {
        "deps": {dep.def_path for dep in stage.deps if dep not in stage.params},
        "outs": {out.def_path for out in stage.outs},
        "params": {name for params in stage.params for name in params.params},
    }
    for part, names in declared.items():
        found = entry.get(part, [])
        known = set(found["params.yaml"]) if part == "params" and found else set()
        known |= {item["path"] for item in found if part != "params"}
        for name in sorted(names ^ known):
            yield f"{name} is among the {part} of {PIPELINE if name in names else LOCK} only"


def fingerprint_md5(path: str, root: Path) -> str:
    """Return the MD5 digest, as DVC has it, of the fingerprint that the file `path` must hold."""
    text = stage_fingerprint(Path(path).stem, root)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
