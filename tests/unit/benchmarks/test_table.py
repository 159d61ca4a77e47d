from benchmarks.harness.generator import Loop
from benchmarks.tables import table
from benchmarks.tables.results import Results, Sample


def results(**per_s: float) -> Results:
    found = Results()
    for name, rate in per_s.items():
        loop = Loop(round(rate * 10), 10, 11.4, 22.6, 33.0, 2, 0.05)
        found.samples[name, 8] += [Sample(loop, {"api": 1.234, "worker": 40}, {"all": 99.6}, 0)] * 3
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
    assert lines[2] == "| ours | 8 | 90.0 | 11 | 23 | 33 | 6 | 100 | 1.00 |"
    assert lines[3] == "| peer | 8 | 30.0 | 11 | 23 | 33 | 6 | 100 | 3.00 |"


def test_a_server_that_answered_nothing_does_not_divide_by_zero() -> None:
    assert "| inf |" in table.servers(results(ours=90, peer=0), "ours")


def test_processor_time_has_a_row_for_each_process_and_the_generator() -> None:
    lines = table.processor_time(results(ours=50), "ours", 8).splitlines()
    assert lines[2:] == ["| api | 1.23 |", "| worker | 40.00 |", "| the generator | 1.00 |"]
