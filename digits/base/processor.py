"""The processor: its name, its vector instructions, and a limit for what the frameworks use of it.

The order in which a framework adds numbers depends on the width of the vectors. Where the order
differs, the last bits differ, and training amplifies them.
"""

import os
import platform
import sys
from pathlib import Path

from digits.base.params import load_global
from digits.errors import InputError

CPU_INFO = Path("/proc/cpuinfo")
# The beginnings of the flags that decide how matrix products are computed, on x86-64 and on ARM.
VECTOR_FLAGS = ("sse4", "avx", "fma", "f16c", "amx", "asimd", "sve", "bf16", "i8mm")
# The instruction sets that matter most to speed, the widest first.
INSTRUCTION_SETS = ("avx512f", "avx2", "asimd")

# What limits each library to AVX2. Each reads its variables once, when it is loaded.
LIMITS = {
    "OPENBLAS_CORETYPE": "Haswell",  # NumPy's and SciPy's matrix products
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # NumPy's own loops
    "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch's own loops
    "MKL_CBWR": "AVX2",  # PyTorch's matrix products
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # PyTorch's convolutions; TensorFlow's matrix products
    "TF_ENABLE_ONEDNN_OPTS": "0",  # TensorFlow uses oneDNN's convolutions on some processors only
}
LIMITED = ("numpy", "torch", "tensorflow")


def limit_instructions() -> None:
    """Limit every framework to AVX2 if params.yaml has portable: true.

    Must be called before NumPy or a framework is imported. Raises InputError if the processor has
    no AVX2.
    """
    if not load_global("portable"):
        return
    if "avx2" not in vector_flags():
        raise InputError(
            "params.yaml: portable is true, but this processor has no AVX2; "
            "expected an x86-64 processor with AVX2, or portable: false"
        )
    if loaded := [name for name in LIMITED if name in sys.modules]:
        raise RuntimeError(f"{loaded[0]} was imported before the limit was set")
    os.environ.update(LIMITS)


def describe_machine() -> dict[str, str | int | list[str]]:
    """Return the processor (from Linux, with vendor, family, model and flags), cores and Python.

    "instructions" is its widest vector instruction set, as Linux names it; "" if unknown.
    """
    flags = vector_flags()
    return {
        "processor": first_value("model name") or platform.processor() or platform.machine(),
        "processor_vendor": first_value("vendor_id") or first_value("CPU implementer"),
        "processor_family": first_value("cpu family") or first_value("CPU architecture"),
        "processor_model": first_value("model") or first_value("CPU part"),
        "instructions": next((name for name in INSTRUCTION_SETS if name in flags), ""),
        "vector_flags": flags,
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
    }


def vector_flags() -> list[str]:
    """Return the processor's flags for vector instructions, sorted; none on other systems."""
    flags = (first_value("flags") or first_value("Features")).split()
    return sorted(flag for flag in flags if flag.startswith(VECTOR_FLAGS))


def first_value(key: str) -> str:
    """Return the first value of a key in /proc/cpuinfo; "" if there is none."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == key), "")
