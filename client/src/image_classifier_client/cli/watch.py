"""``classify --watch JOB``: wait for a job that was sent before, then its rows. Depends on run."""

from image_classifier_client.cli.exits import ExitCode, Stop, Terminated
from image_classifier_client.cli.options import classifier
from image_classifier_client.cli.rows import Row
from image_classifier_client.cli.run import Run


def watch(run: Run, job_id: str) -> ExitCode:
    """Wait, and give the rows as a run over the same photos would.

    Raises:
        Stop: The file of results has results already, or the wait was interrupted.
        ClassifierError: No such job, or the service is away.
    """
    if run.out and run.out.exists() and run.out.stat().st_size:
        raise Stop(ExitCode.USAGE, f"--out {run.out} exists: a watched job wants a new file")
    try:
        rows = _wait(run, job_id)
    except (KeyboardInterrupt, Terminated) as error:
        stopped = isinstance(error, KeyboardInterrupt)
        code = ExitCode.INTERRUPTED if stopped else ExitCode.TERMINATED
        text = f"the job goes on; to come back to it: classify --watch {job_id}"
        raise Stop(code, text) from error
    run.top_k = max((len(row.predictions or ()) for row in rows), default=run.top_k)
    with run.sink() as sink, run.screen(len(rows)) as screen:
        run.keep(rows, sink, screen)
        return run.conclude(sink)


def _wait(run: Run, job_id: str) -> list[Row]:
    with classifier(run.url, retry_for_s=0) as client:
        total = client.job(job_id, limit=1).counts.total
    with (
        run.screen(total, rows_follow=True) as screen,
        classifier(run.url, retry_for_s=run.retry_for_s, on_retry=screen.retrying) as client,
    ):
        client.wait(job_id, on_progress=lambda job: screen.ended(job.counts.ended))
        return [
            Row.of(item.filename or f"photo {item.index}", item) for item in client.results(job_id)
        ]
