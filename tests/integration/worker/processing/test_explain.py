"""What ``explain`` asks of a worker: only when it is asked for, and only of a model that can."""

from tests.integration.worker.conftest import Bench, ends, photo


def test_a_photo_fails_if_the_model_cannot_explain_it(bench: Bench) -> None:
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


def test_no_maps_are_computed_unless_requested(bench: Bench) -> None:
    """This one fails whenever it is asked."""
    with bench.worker(SCRIPTED_EXPLAINS="1") as worker:
        assert ends(bench.wait(bench.submit([photo(0, 7)]))) == ["7"]
        assert ends(bench.wait(bench.submit([photo(0, 7)], explain=True))) == ["inference_failed"]
        assert "scripted failure to explain" in worker.log
