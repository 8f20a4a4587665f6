"""Hash the code that each stage runs.

Reads the sources in digits/ and stages/ and the pins in requirements/run.txt; writes
data/fingerprints/<stage>.txt. DVC reruns a stage if its file changed: DVC itself does not follow
imports, and would rerun on a changed comment.
"""

import shutil
from pathlib import Path

from digits.base.files import write_text
from digits.errors import one_line_errors
from digits.pipeline.fingerprint import FINGERPRINTS, STAGES, stage_fingerprint

FOLDER = Path(FINGERPRINTS)


def main() -> None:
    """Write the fingerprint of every stage."""
    texts = {stage: stage_fingerprint(stage, Path()) for stage in STAGES}
    shutil.rmtree(FOLDER, ignore_errors=True)
    for stage, text in texts.items():
        write_text(FOLDER / f"{stage}.txt", text)


if __name__ == "__main__":
    with one_line_errors():
        main()
