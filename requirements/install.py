"""Install a lock into the environment of the Python that runs this: install.py run.txt.

It needs the standard library only, as it runs before any package is there. Two environment
variables choose:

    INSTALLER   uv, which takes about a minute, or pip. auto (the default): uv, and pip if uv fails.
    TORCH       PyTorch's build, cpu or cuda. auto (the default): cuda if there is an NVIDIA GPU.
                Outside Linux, each platform has one build, and TORCH changes nothing.
"""

import os
import platform
import re
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CHOICES = {"INSTALLER": ("auto", "uv", "pip"), "TORCH": ("auto", "cpu", "cuda")}
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# What the wheels of a lock add up to on Linux x86-64 with Python 3.11, in MB, without the lock that
# comes first (run.txt); and what PyTorch's CUDA build adds.
DOWNLOAD_MB = {"run.txt": 660, "use.txt": 56, "test.txt": 236, "remote.txt": 20}
CUDA_MB = 2540
# uv does not read pip's configuration: a setting of pip, and the variable that means it to uv.
UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}


def main(lock: Path) -> int:
    """Install the lock; return the exit status."""
    try:
        installer, torch = (choose(name, os.environ) for name in CHOICES)
    except ValueError as error:
        return fail(str(error))
    build, index = choose_torch(torch) if lock.name == "run.txt" else ("", None)
    print(f"{lock}: about {DOWNLOAD_MB[lock.name]} MB to download{build}", flush=True)
    if installer != "pip":
        if install_with_uv(lock, index):
            return 0
        if installer == "uv":
            return fail("uv could not install the packages; see above. INSTALLER=pip uses pip")
        print("uv could not install the packages: trying pip", file=sys.stderr)
    return 0 if install_with_pip(lock, index) else fail("pip could not install the packages")


def fail(message: str) -> int:
    """Print an error; return the exit status for it."""
    print(f"error: {message}", file=sys.stderr)
    return 1


def choose(name: str, variables: Mapping[str, str]) -> str:
    """Return the value of INSTALLER or TORCH; raise ValueError if it is unknown."""
    value = variables.get(name) or "auto"
    if value not in CHOICES[name]:
        raise ValueError(f"{name} is {value!r}; expected one of: {', '.join(CHOICES[name])}")
    return value


def choose_torch(choice: str) -> tuple[str, str | None]:
    """Return what to say of PyTorch's build, and the index that has it.

    The index is None if the configured package index has it.
    """
    if platform.system() != "Linux":
        return "", None  # each other platform has one build
    has_gpu = has_nvidia_gpu()
    found = "an NVIDIA GPU is here" if has_gpu else "no NVIDIA GPU is here"
    reason = found if choice == "auto" else f"TORCH={choice}"
    cuda = f"{CUDA_MB} MB more for PyTorch's CUDA build"
    if choice == "cuda" or (choice == "auto" and has_gpu):
        return f", and {cuda} ({reason})", None
    if can_reach(CPU_INDEX):
        return f", with PyTorch's CPU build ({reason})", CPU_INDEX
    warning = f", or {cuda} if your package index has no other: {CPU_INDEX} cannot be reached"
    return warning, None


def has_nvidia_gpu() -> bool:
    """Return whether NVIDIA's driver is loaded."""
    return Path("/proc/driver/nvidia/version").exists()


def can_reach(url: str, seconds: float = 5) -> bool:
    """Return whether a web server answers."""
    try:
        with urllib.request.urlopen(f"{url}/torch/", timeout=seconds):
            return True
    except OSError:
        return False


def install_with_uv(lock: Path, index: str | None) -> bool:
    """Install the lock with uv, itself installed by pip first; return whether it worked."""
    version = read_pin("uv", FOLDER / "test.txt")
    pip = [sys.executable, "-m", "pip"]
    if not succeeds([*pip, "install", "-qq", "--disable-pip-version-check", f"uv=={version}"]):
        return False
    uv = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    if index:
        uv += ["--torch-backend", "cpu"]  # takes PyTorch's packages, and no others, from its index
    configuration = subprocess.run([*pip, "config", "list"], capture_output=True, text=True).stdout
    environment = uv_environment(configuration, os.environ)
    if not has_uv_cache_on_same_disk(environment):
        environment.setdefault("UV_LINK_MODE", "copy")  # uv would warn that it cannot link
    return succeeds([*uv, "-r", str(lock)], environment)


def has_uv_cache_on_same_disk(environment: Mapping[str, str]) -> bool:
    """Return whether uv can link the files of its cache into the Python environment."""
    command = [sys.executable, "-m", "uv", "cache", "dir"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    cache = Path(done.stdout.strip())
    while not cache.exists():
        cache = cache.parent
    return cache.stat().st_dev == Path(sys.prefix).stat().st_dev


def install_with_pip(lock: Path, index: str | None) -> bool:
    """Install the lock with pip; return whether it worked."""
    extra = ["--extra-index-url", index] if index else []
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    return succeeds([*pip, *extra, "-r", str(lock)])


def succeeds(command: list[str], variables: Mapping[str, str] | None = None) -> bool:
    """Run a command; return whether its exit status is 0."""
    return subprocess.run(command, env=variables).returncode == 0


def read_pin(package: str, lock: Path) -> str:
    """Return the version of a package in a lock."""
    pins = lock.read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(package)}==(\S+)", pins, re.MULTILINE)
    if not found:
        raise LookupError(f"{lock} has no {package}")
    return found[1]


def uv_environment(configuration: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return uv's environment: pip's package sources, as `pip config list` prints them.

    A variable of uv that is set stays as it is. A setting for one pip command only is left out;
    that of a PIP_ variable comes last in the list, and counts.
    """
    found = re.findall(r"^(?:global|:env:)\.([\w-]+)='(.*)'$", configuration, re.MULTILINE)
    settings = {UV_VARIABLES[key]: value for key, value in found if key in UV_VARIABLES}
    # As pip does: the best version of all indexes. uv stops at the first index with the package.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match"} | settings | dict(variables)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python requirements/install.py LOCK")
    sys.exit(main(Path(sys.argv[1])))
