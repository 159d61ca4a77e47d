"""Describes the CPU: bf16, VNNI and AMX decide the speed of a model and what `auto` means."""

import os
import platform
import re
from pathlib import Path

from benchmarks.tables.table import Row, markdown

CPUINFO = Path("/proc/cpuinfo")
# The kernel's names, on x86 and on ARM.
FLAGS = {
    "bf16": {"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16", "svebf16"},
    "VNNI": {"avx512_vnni", "avx_vnni", "asimddp"},
    "AMX": {"amx_tile"},
}


def table() -> str:
    """A table that describes this machine, as Markdown."""
    text = CPUINFO.read_text() if CPUINFO.exists() else ""
    return markdown(*described(text, os.cpu_count() or 1))


def described(cpuinfo: str, cores: int) -> tuple[Row, list[Row]]:
    """The head and the row of the table.

    Args:
        cpuinfo: Text of `/proc/cpuinfo`; empty if the system has no such file.
        cores: Number of cores.
    """
    found = _value(cpuinfo, "flags") or _value(cpuinfo, "Features")
    flags = set(found.split())
    model = _value(cpuinfo, "model name") or platform.processor() or platform.machine()
    if number := _value(cpuinfo, "model"):  # virtual machines hide the name of the model
        model += f" (family {_value(cpuinfo, 'cpu family')}, model {number})"
    # without flags, nothing is known
    has = [("yes" if flags & names else "no") if flags else "?" for names in FLAGS.values()]
    return ["CPU", "cores", *FLAGS], [[model, cores, *has]]


def _value(cpuinfo: str, key: str) -> str:
    found = re.search(rf"^{key}\s*: (.*)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else ""
