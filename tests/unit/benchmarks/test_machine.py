"""What is told of a processor, from the text of the kernel."""

import pytest

from benchmarks.tables.machine import described, table

INTEL = """processor\t: 0
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R) Processor
flags\t\t: fpu avx2 {flags}

processor\t: 1
model name\t: another
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd asimddp bf16\nCPU part\t: 0xd40\n"


@pytest.mark.parametrize(
    ("flags", "has"),
    [
        ("avx512_bf16 avx512_vnni", ["yes", "yes", "no"]),
        ("avx_vnni", ["no", "yes", "no"]),
        ("amx_bf16 amx_tile amx_int8", ["yes", "no", "yes"]),
        ("avx512_bf16x not_avx_vnni", ["no", "no", "no"]),
    ],
)
def test_a_flag_is_named_whole(flags: str, has: list[str]) -> None:
    head, [row] = described(INTEL.format(flags=flags), 2)
    assert head == ["CPU", "cores", "bf16", "VNNI", "AMX"]
    assert row == ["Intel(R) Xeon(R) Processor (family 6, model 207)", 2, *has]


def test_arm_names_its_flags_otherwise() -> None:
    _, [row] = described(ARM, 4)
    assert row[1:] == [4, "yes", "yes", "no"]
    assert row[0], "the kind of processor, where the kernel has no name for it"


def test_without_a_list_of_flags_nothing_is_claimed() -> None:
    _, [row] = described("", 8)
    assert row[1:] == [8, "?", "?", "?"]


def test_this_machine_has_a_row() -> None:
    assert len(table().splitlines()) == 3
