"""The command ``classify jobs``: the jobs of ``POST /jobs``, as a table or as JSON."""

import sys
from itertools import islice
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from image_classifier_client.cli.commands.health import PIPE_WIDTH
from image_classifier_client.cli.exit_codes import as_command_error
from image_classifier_client.cli.options import JsonOption, UrlOption, new_app, new_client
from image_classifier_client.cli.results.printer import print_json
from image_classifier_client.models import Job, JobStatus

EPILOG = "To wait for a job and get its results: classify --watch JOB_ID."

app = new_app()


@app.command(epilog=EPILOG)
def jobs(
    status: Annotated[JobStatus | None, typer.Option(help="Show only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Show at most N jobs.")] = 20,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the jobs that you sent with POST /jobs, newest first. Expired jobs are not listed."""
    with as_command_error():
        with new_client(url, retry_for_s=0) as client:
            found = list(islice(client.jobs(status), limit))
        if as_json:
            for job in found:
                print_json(job.model_dump_json(exclude={"items", "next"}))
        else:
            _show(found)
        sys.stdout.flush()


def _show(found: list[Job]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    table = Table("job", "state", "photos", "finished", "failed", "submitted")
    for job in found:
        table.add_row(
            job.job_id,
            job.status,
            str(job.counts.total),
            str(job.counts.ended),
            str(job.counts.failed),
            f"{job.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
        )
    console.print(table if found else "no jobs")
