"""The packages of a training: its times and its last bits mean nothing without them."""

from importlib.metadata import PackageNotFoundError, version


def package_versions(fingerprint: str) -> dict[str, str]:
    """Return the installed versions of the packages that a stage's fingerprint pins, by name.

    Packages for other systems are left out, because they are not installed.
    """
    versions = {}
    for line in fingerprint.splitlines():
        name, pinned, _ = line.partition("==")
        if not pinned:
            continue
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return dict(sorted(versions.items()))
