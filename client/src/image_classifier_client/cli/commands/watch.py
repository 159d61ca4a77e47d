"""``classify --watch JOB_ID``: wait for an earlier job, then write its results."""

from image_classifier_client.cli.commands.run import ClassificationRun
from image_classifier_client.cli.exit_codes import CommandError, ExitCode, Terminated
from image_classifier_client.cli.options import new_client
from image_classifier_client.cli.results.rows import Row


def watch(run: ClassificationRun, job_id: str) -> ExitCode:
    """Wait for the job, and write its results as a run over the same photos would.

    Raises:
        CommandError: The file of results already exists, or the wait was interrupted.
        ClassifierError: The job does not exist, or the service is unavailable.
    """
    if run.out and run.out.exists() and run.out.stat().st_size:
        raise CommandError(ExitCode.USAGE, f"--out {run.out} exists: --watch needs a new file")
    try:
        rows = _wait(run, job_id)
    except (KeyboardInterrupt, Terminated) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        code = ExitCode.INTERRUPTED if interrupted else ExitCode.TERMINATED
        text = f"the job continues; to wait for it again: classify --watch {job_id}"
        raise CommandError(code, text) from error
    run.top_k = max([1, *(len(row.predictions or ()) for row in rows)])
    with run.output() as output, run.progress(len(rows)) as progress:
        run.save(rows, output, progress)
        return run.finish(output)


def _wait(run: ClassificationRun, job_id: str) -> list[Row]:
    with new_client(run.url, retry_for_s=0) as client:
        total = client.job(job_id, limit=1).counts.total
    with (
        run.progress(total, results_follow=True) as progress,
        new_client(run.url, retry_for_s=run.retry_for_s, on_retry=progress.retrying) as client,
    ):
        client.wait(job_id, on_progress=lambda job: progress.show_finished(job.counts.ended))
        return [
            Row.of(item.filename or f"photo {item.index}", item) for item in client.results(job_id)
        ]
