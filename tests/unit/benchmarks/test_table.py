from benchmarks.harness.generator import Loop
from benchmarks.harness.limit import Limit, Setting
from benchmarks.tables import table
from benchmarks.tables.results import Results, Sample

CASE = ("small", 8)


def results(**per_s: float) -> Results:
    found = Results()
    for name, rate in per_s.items():
        loop = Loop(round(rate * 10), 10, 11.4, 22.6, 33.0, 2, 0.05)
        one = Sample(loop, {"api": 1.234, "worker": 40}, {"all": 99.6}, 0)
        found.samples[name, CASE] += [one] * 3
    return found


def test_a_table_aligns_numbers_right() -> None:
    assert table.markdown(["name", "n"], [["a", 1], ["b", 22]]).splitlines() == [
        "| name | n |",
        "|---|---:|",
        "| a | 1 |",
        "| b | 22 |",
    ]


def test_a_server_has_a_row_with_every_figure_and_the_ratio_of_ours_to_it() -> None:
    lines = table.servers(results(ours=90, peer=30), "ours").splitlines()
    assert lines[2] == "| ours | small | 8 | 90.0 | 11 | 23 | 33 | 6 | 100 | 1.00 |"
    assert lines[3] == "| peer | small | 8 | 30.0 | 11 | 23 | 33 | 6 | 100 | 3.00 |"


def test_a_server_that_answered_nothing_does_not_divide_by_zero() -> None:
    assert "| inf |" in table.servers(results(ours=90, peer=0), "ours")


def test_processor_time_has_a_row_for_each_process_and_the_generator() -> None:
    lines = table.processor_time(results(ours=50), "ours").splitlines()
    assert lines[0] == "| core-ms per request | small, 8 connections |"
    assert lines[2:] == ["| api | 1.23 |", "| worker | 40.00 |", "| load generator | 1.00 |"]


def test_ratios_have_a_row_for_each_other_server_and_a_column_for_each_case() -> None:
    found = results(ours=90, peer=30, slow=10)
    found.samples["ours", ("phone", 1)] = found.samples["slow", CASE]
    found.samples["peer", ("phone", 1)] = found.samples["slow", CASE]
    found.samples["slow", ("phone", 1)] = found.samples["peer", CASE]
    assert table.ratios(found, "ours").splitlines() == [
        "| requests/s of ours ÷ those of | small, 8 | phone, 1 |",
        "|---|---:|---:|",
        "| peer | 3.00 | 1.00 |",
        "| slow | 9.00 | 0.33 |",
    ]


def test_limits_have_a_row_for_each_precision_and_kind_of_photos() -> None:
    found = Results()
    for photos, core_ms in [("small", 10), ("phone", 50)]:
        one = Limit(Setting(2, 1), "bf16", 2, 30, core_ms, 20.0, core_ms)
        found.limits["auto", photos] += [one]
    assert table.limits(found).splitlines()[2:] == [
        "| auto (bf16) | small | 2 x 1 | 30.0 | 10.00 | 66.7 | 50.0 | 20.0 | 10.0 |",
        "| auto (bf16) | phone | 2 x 1 | 30.0 | 50.00 | 66.7 | 25.0 | 20.0 | 50.0 |",
    ]
