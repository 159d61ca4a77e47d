"""What ``explain`` asks of a worker: only when it is asked for, and only of a model that can."""

from tests.integration.worker.conftest import Bench, ends, photo


def test_a_model_without_maps_says_so_of_the_photo(bench: Bench) -> None:
    """The api refuses it where it knows the workers; a job may have waited for another one."""
    with bench.worker():
        job = bench.wait(bench.submit([photo(0, 7)], explain=True))
        assert ends(job) == ["invalid_parameter"]
        [item] = job.items
        assert item.result is not None
        assert item.result.error is not None
        assert "without explain=true" in item.result.error.detail
        assert bench.stored() == []
        assert ends(bench.wait(bench.submit([photo(0, 7)]))) == ["7"]


def test_a_model_is_not_asked_for_maps_that_nobody_wants(bench: Bench) -> None:
    """This one fails whenever it is asked."""
    with bench.worker(SCRIPTED_EXPLAINS="1") as worker:
        assert ends(bench.wait(bench.submit([photo(0, 7)]))) == ["7"]
        assert ends(bench.wait(bench.submit([photo(0, 7)], explain=True))) == ["inference_failed"]
        assert "scripted failure to explain" in worker.log
