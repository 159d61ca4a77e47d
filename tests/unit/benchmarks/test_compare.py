"""The arithmetic of two trees side by side."""

import subprocess

from benchmarks.compare import HERE, checked_out, rows


def test_a_figure_is_the_median_of_its_rounds_and_the_ratio_is_new_to_old() -> None:
    old = [{"a": 6.0}, {"a": 60.0}, {"a": 5.0}]
    new = [{"a": 3.0}, {"a": 1.0}, {"a": 3.5}]
    assert rows(old, new) == [("a", "6.00", "3.00", "0.50")]


def test_nothing_is_divided_by_a_cost_that_was_not_seen() -> None:
    assert rows([{"a": -0.01}], [{"a": 0.02}]) == [("a", "-0.01", "0.02", "-")]


def test_a_commit_lies_beside_this_tree_only_for_as_long_as_it_is_measured() -> None:
    with checked_out("HEAD") as tree:
        assert (tree / "benchmarks" / "scaling.py").is_file()
        assert tree != HERE
    assert not tree.exists()
    order = ["git", "-C", str(HERE), "worktree", "list"]
    assert str(tree) not in subprocess.check_output(order, text=True)
