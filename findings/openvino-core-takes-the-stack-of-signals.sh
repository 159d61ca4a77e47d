#!/usr/bin/env bash
# OpenVINO's processor plugin with Python's signals: dropping two Cores in the order in which they were
# made leaves the thread with a signal stack that is no longer memory.
#
# One would guess: a Core is a plain object, and a process may make and drop as many as it likes.
# Seen on 2026-11-29 (OpenVINO 2026.4.1, Linux, x86-64): the first question to a Core about the
# processor gives the calling thread an alternate signal stack of 8 KB and a little, for processors
# with large registers (openvinotoolkit/openvino, pull request 11894). Each Core remembers the stack
# that it found, and puts it back at its own end only if its own is still in use. Dropped in reverse
# order all is well. In the order of their making, the second Core puts back the first one's stack,
# which was unmapped by then; the same if one is collected in another thread. Python installs its
# handlers for that stack (SA_ONSTACK), so that the next Ctrl-C or SIGTERM ends such a process without
# a word, not even from faulthandler, whose stack it was: this script only looks at the address, and
# sends no signal. One Core, kept to the end of the process, is safe.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install -q --disable-pip-version-check openvino==2026.4.1
venv/bin/python - <<'PYTHON'
import ctypes
import gc
import sys
from pathlib import Path

sys.modules["openvino_telemetry"] = None  # it reports its use
import openvino

print(openvino.__version__)


class Stack(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


def stack():
    """Where this thread's signal stack begins, and whether that is memory."""
    now = Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(now))
    ranges = (line.split()[0].split("-") for line in Path("/proc/self/maps").read_text().splitlines())
    mapped = any(int(low, 16) <= (now.start or 0) < int(high, 16) for low, high in ranges)
    return now.start, mapped


def dropped(order):
    cores = [openvino.Core(), openvino.Core()]
    for core in cores:
        core.get_property("CPU", "FULL_DEVICE_NAME")
    del core
    held = stack()
    for number in order:
        cores[number] = None
        gc.collect()
    return held, stack()


before = stack()
held, after = dropped([1, 0])
print("before", before, "with two Cores", held, "dropped in reverse order", after)
assert held != before and held[1], "a Core leaves the thread's signal stack alone now"
assert after == before, "the reverse order does not put back the stack"
_, left = dropped([0, 1])
print("dropped in order", left)
assert left[0] and not left[1], "the stack that is left is memory now"
PYTHON
