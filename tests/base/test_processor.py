"""A result says which processor made it; `portable` limits the frameworks to AVX2."""

import os
import platform
import subprocess
import sys

import pytest

from digits.base import processor
from digits.base.processor import LIMITS, describe_machine, limit_instructions
from digits.errors import InputError
from tests.support.environment import ENVIRONMENT
from tests.support.paths import ROOT

X86 = """processor\t: 0
vendor_id\t: AMaker
cpu family\t: 25
model\t\t: 17
model name\t: A Processor @ 3 GHz
flags\t\t: fpu sse2 avx avx2 {more}

processor\t: 1
model name\t: A Processor @ 3 GHz
flags\t\t: fpu sse2 avx avx2 {more}
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd evtstrm\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"


@pytest.fixture
def cpu_info(tmp_path, monkeypatch):
    monkeypatch.setattr(processor, "CPU_INFO", tmp_path / "cpuinfo")
    return tmp_path / "cpuinfo"


@pytest.mark.parametrize(
    ("text", "instructions"),
    [(X86.format(more="avx512f"), "avx512f"), (X86.format(more=""), "avx2"), (ARM, "asimd")],
)
def test_instructions_are_the_widest_that_linux_names(cpu_info, text, instructions):
    cpu_info.write_text(text)
    assert describe_machine()["instructions"] == instructions


def test_processor_is_identified_as_linux_does_it(cpu_info):
    cpu_info.write_text(X86.format(more="avx512f avx512_bf16 sse4_2"))
    assert describe_machine() == {
        "processor": "A Processor @ 3 GHz",
        "processor_vendor": "AMaker",
        "processor_family": "25",
        "processor_model": "17",
        "instructions": "avx512f",
        "vector_flags": ["avx", "avx2", "avx512_bf16", "avx512f", "sse4_2"],
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    cpu_info.write_text(ARM)
    described = describe_machine()
    assert (described["processor_vendor"], described["processor_model"]) == ("0x41", "0xd0c")


def test_other_systems_have_a_processor_too(cpu_info):
    described = describe_machine()
    assert described["processor"]
    assert (described["instructions"], described["vector_flags"]) == ("", [])


def test_portable_needs_avx2(cpu_info, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cpu_info.write_text(ARM)
    (tmp_path / "params.yaml").write_text("portable: false\n")
    limit_instructions()
    (tmp_path / "params.yaml").write_text("portable: true\n")
    with pytest.raises(InputError, match="this processor has no AVX2; expected an x86-64"):
        limit_instructions()


def test_a_limit_that_comes_too_late_is_an_error(cpu_info, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cpu_info.write_text(X86.format(more=""))
    (tmp_path / "params.yaml").write_text("portable: true\n")
    with pytest.raises(RuntimeError, match=r"^numpy was imported before the limit was set$"):
        limit_instructions()
    assert not LIMITS.items() <= os.environ.items()


# What each library says that it uses. The last is the log of a product and a convolution.
FACTS = {
    "NumPy": """
from numpy._core._multiarray_umath import __cpu_features__ as features
print([name for name in ("X86_V4", "AVX512_ICL", "AVX512_SPR") if features[name]])
""",
    "OpenBLAS": """
import numpy, scipy.linalg
from threadpoolctl import threadpool_info
print(sorted({library["architecture"] for library in threadpool_info()}))
""",
    "PyTorch": """
import torch
print(torch.backends.cpu.get_cpu_capability())
""",
    "oneDNN": """
import os
os.environ["ONEDNN_VERBOSE"] = "1"
import torch
torch.nn.Conv2d(8, 8, 3)(torch.ones(8, 8, 32, 32))
""",
    "TensorFlow": """
import tensorflow as tf
from tensorflow.python.util import _pywrap_util_port
print(_pywrap_util_port.IsMklEnabled())
""",
}
EXPECTED = {
    "NumPy": "[]",
    "OpenBLAS": "['Haswell']",
    "PyTorch": "AVX2",
    "oneDNN": "cpu,isa:Intel AVX2",
    "TensorFlow": "False",
}


@pytest.mark.skipif(
    "avx2" not in processor.vector_flags(), reason="needs an x86-64 processor with AVX2"
)
@pytest.mark.parametrize("library", FACTS)
def test_portable_limits_each_library(tmp_path, library):
    (tmp_path / "params.yaml").write_text("portable: true\n")
    start = "from digits.base.processor import limit_instructions; limit_instructions()"
    done = subprocess.run(
        [sys.executable, "-c", start + FACTS[library]],
        cwd=tmp_path,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    if library == "oneDNN":
        assert EXPECTED[library] in done.stdout
        assert "AVX-512" not in done.stdout
    else:
        assert done.stdout.strip() == EXPECTED[library]
