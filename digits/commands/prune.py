"""Remove what runs that are no longer in params.yaml left behind: DVC forgets a removed stage, but
keeps its files and its lock entry.

python -m digits.commands.prune
"""

import shutil
from pathlib import Path

from ruamel.yaml import YAML

from digits.errors import one_line_errors
from digits.training.params import FRAMEWORKS, Params, load_params


def main() -> None:
    params = load_params()
    for path in leftover_files(params):
        print(f"removing {path}")
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    yaml = YAML()
    lock_path = Path("dvc.lock")
    lock = yaml.load(lock_path) if lock_path.exists() else {"stages": {}}
    stages = leftover_stages(params, lock["stages"])
    for stage in stages:
        print(f"removing {stage} from {lock_path}")
        del lock["stages"][stage]
    if stages:
        yaml.dump(lock, lock_path)


def leftover_files(params: Params) -> list[Path]:
    """Return the files and folders of runs that are in none of params.yaml's sections."""
    patterns = (
        "models/{}/*",
        "models/times/{}/*.json",
        "checkpoints/{}/*.safetensors",
        "metrics/{}/*.json",
        "data/evaluation/{}/*",
    )
    found = [
        (path, framework)
        for framework in FRAMEWORKS
        for pattern in patterns
        for path in sorted(Path().glob(pattern.format(framework)))
    ]
    return [
        path
        for path, framework in found
        if path.stem not in params.runs(framework) and path.name != ".gitignore"
    ]


def leftover_stages(params: Params, stages: dict) -> list[str]:
    """Return the train stages of dvc.lock whose run is not in params.yaml."""
    return [
        stage
        for stage in stages
        for framework in FRAMEWORKS
        if stage.startswith(f"train_{framework}@")
        and stage.split("@")[1] not in params.runs(framework)
    ]


if __name__ == "__main__":
    with one_line_errors():
        main()
