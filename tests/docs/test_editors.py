"""The settings for editors."""

import json
import re

from tests.support.paths import ROOT

EXTENSIONS = json.loads((ROOT / ".vscode/extensions.json").read_text())["recommendations"]
CONTAINER = json.loads((ROOT / ".devcontainer.json").read_text())


def test_the_container_installs_the_recommended_extensions():
    assert CONTAINER["customizations"]["vscode"]["extensions"] == EXTENSIONS
    assert all(re.fullmatch(r"[\w-]+\.[\w-]+", name) for name in EXTENSIONS)


def test_the_container_is_that_of_the_dockerfile():
    dockerfile = (ROOT / CONTAINER["build"]["dockerfile"]).read_text()
    assert f"useradd --create-home --uid 1000 {CONTAINER['remoteUser']}" in dockerfile
    assert f"WORKDIR {CONTAINER['workspaceFolder']}" in dockerfile
    mount = f"target={CONTAINER['workspaceFolder']},type=bind"
    assert CONTAINER["workspaceMount"].endswith(mount)
