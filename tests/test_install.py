"""requirements/install.py: uv or pip, and PyTorch's build."""

import platform

import pytest

from requirements import install

PIP_CONFIGURATION = """\
global.constraint='constraints.txt'
global.index-url='https://mirror.example/simple'
global.find-links='/opt/wheels'
install.extra-index-url='https://other.example'
:env:.find-links='/srv/wheels'
"""


@pytest.fixture
def commands(monkeypatch):
    """The commands that would run, each with its environment. None fails."""
    called = []

    def run(command, variables=None):
        called.append((command[3:], variables))  # without `python -m pip` and `python -m uv`
        return True

    monkeypatch.setattr(install, "succeeds", run)
    monkeypatch.setattr(install, "can_reach", lambda url: True)
    monkeypatch.setattr(install, "has_uv_cache_on_same_disk", lambda environment: True)
    monkeypatch.setattr(install, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    for name in install.CHOICES:
        monkeypatch.delenv(name, raising=False)
    return called


def test_uv_comes_with_the_pin_of_the_locks_and_installs_the_cpu_build(commands, capsys):
    assert install.main(install.FOLDER / "run.txt") == 0
    (first, _), (second, _) = commands
    assert first[-1] == f"uv=={install.read_pin('uv', install.FOLDER / 'test.txt')}"
    assert second[-4:] == ["--torch-backend", "cpu", "-r", str(install.FOLDER / "run.txt")]
    expected = "about 660 MB to download, with PyTorch's CPU build (no NVIDIA GPU is here)"
    assert expected in capsys.readouterr().out


def test_without_uv_pip_installs_the_lock(commands, monkeypatch, capsys):
    monkeypatch.setattr(install, "install_with_uv", lambda lock, index: False)
    assert install.main(install.FOLDER / "run.txt") == 0
    [(command, _)] = commands
    assert command[-4:-1] == ["--extra-index-url", install.CPU_INDEX, "-r"]
    assert capsys.readouterr().err == "uv could not install the packages: trying pip\n"


@pytest.mark.parametrize(("installer", "n_commands"), [("uv", 1), ("pip", 1), ("auto", 2)])
def test_a_failure_is_one_line_and_pip_is_tried_for_auto_only(
    commands, monkeypatch, capsys, installer, n_commands
):
    monkeypatch.setenv("INSTALLER", installer)
    monkeypatch.setattr(install, "succeeds", lambda *command: commands.append(command))
    assert install.main(install.FOLDER / "run.txt") == 1
    assert len(commands) == n_commands
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith(f"error: {'uv' if installer == 'uv' else 'pip'} could not install")


@pytest.mark.parametrize("name", ["INSTALLER", "TORCH"])
def test_an_unknown_choice_is_one_line(commands, monkeypatch, capsys, name):
    monkeypatch.setenv(name, "fast")
    assert install.main(install.FOLDER / "run.txt") == 1
    assert capsys.readouterr().err.startswith(f"error: {name} is 'fast'; expected one of: auto, ")
    assert commands == []


@pytest.mark.parametrize(
    ("choice", "has_gpu", "build", "index"),
    [
        ("auto", False, "CPU build (no NVIDIA GPU is here)", install.CPU_INDEX),
        ("auto", True, "CUDA build (an NVIDIA GPU is here)", None),
        ("cpu", True, "CPU build (TORCH=cpu)", install.CPU_INDEX),
        ("cuda", False, "CUDA build (TORCH=cuda)", None),
    ],
)
def test_pytorchs_build_follows_the_choice_and_the_gpu(
    commands, monkeypatch, choice, has_gpu, build, index
):
    monkeypatch.setattr(install, "has_nvidia_gpu", lambda: has_gpu)
    text, found = install.choose_torch(choice)
    assert build in text
    assert found == index


def test_it_says_what_an_index_that_cannot_be_reached_may_cost(commands, monkeypatch):
    monkeypatch.setattr(install, "can_reach", lambda url: False)
    text, index = install.choose_torch("cpu")
    assert f"or {install.CUDA_MB} MB more" in text
    assert index is None


def test_a_server_that_does_not_answer_cannot_be_reached():
    assert not install.can_reach("http://127.0.0.1:9", seconds=1)


def test_uv_gets_the_package_sources_of_pip():
    environment = install.uv_environment(PIP_CONFIGURATION, {"HOME": "/root"})
    assert environment == {
        "HOME": "/root",
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_FIND_LINKS": "/srv/wheels",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    own = {"UV_FIND_LINKS": "/own"}
    assert install.uv_environment(PIP_CONFIGURATION, own)["UV_FIND_LINKS"] == "/own"


def test_every_lock_has_its_size():
    assert set(install.DOWNLOAD_MB) == {path.name for path in install.FOLDER.glob("*.txt")}


def test_every_pin_of_uv_is_found():
    with pytest.raises(LookupError, match="has no nothing"):
        install.read_pin("nothing", install.FOLDER / "test.txt")
