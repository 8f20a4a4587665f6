"""The benchmark of the whole pipeline."""

from pathlib import Path

from benchmarks.pipeline import keep_results


def write_results(folder: Path, run: str) -> None:
    for name in ("dvc.lock", f"metrics/torch/{run}.json", f"plots/figures/{run}.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(run)


def test_kept_results_replace_those_of_removed_runs(tmp_path, monkeypatch):
    write_results(tmp_path / "clone", "new")
    write_results(tmp_path / "here", "old")
    monkeypatch.chdir(tmp_path / "here")
    keep_results(tmp_path / "clone")
    found = {path.relative_to(Path()).as_posix() for path in Path().rglob("*") if path.is_file()}
    assert found == {"dvc.lock", "metrics/torch/new.json", "plots/figures/new.png"}
    assert Path("dvc.lock").read_text() == "new"
