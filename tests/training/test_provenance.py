"""A result says which packages it was made with."""

from importlib.metadata import version

from digits.training.provenance import package_versions


def test_versions_are_those_of_the_pins_of_a_fingerprint():
    fingerprint = "digits/errors.py 0a1b\nscipy==1.0\nnumpy==2.0\nno-such-package==1 ; os == 'x'\n"
    found = package_versions(fingerprint)
    assert found == {"numpy": version("numpy"), "scipy": version("scipy")}
    assert list(found) == ["numpy", "scipy"]
