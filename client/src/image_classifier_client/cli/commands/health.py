"""The command ``classify health``: the state of the service as tables or as JSON."""

import sys

import typer
from rich.console import Console
from rich.table import Table

from image_classifier_client.cli.exit_codes import ExitCode, as_command_error
from image_classifier_client.cli.options import JsonOption, UrlOption, new_app, new_client
from image_classifier_client.cli.results.printer import print_json
from image_classifier_client.models import Health

COLOURS = {"ok": "green", "idle": "green", "busy": "green", "degraded": "yellow", "up": "green"}
# A table in a pipe must not wrap at the width of a terminal.
PIPE_WIDTH = 200
EPILOG = "Exit codes: 0 available, 3 unavailable, 4 invalid API key, or not an image classifier."

app = new_app()


@app.command(epilog=EPILOG)
def health(url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Show the state of the service: broker, workers and queues."""
    with as_command_error():
        with new_client(url, retry_for_s=0) as client:
            answer = client.health()
        if as_json:
            print_json(answer.model_dump_json())
        else:
            _show(answer)
        sys.stdout.flush()
    if answer.status == "unavailable":
        raise typer.Exit(ExitCode.UNAVAILABLE)


def _show(answer: Health) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    service = Table("service", "broker", "broker latency", "queued: predict", "queued: jobs")
    latency = answer.broker.latency_ms
    service.add_row(
        _coloured(answer.status),
        _coloured(answer.broker.status),
        "" if latency is None else f"{latency:.1f} ms",
        str(answer.queues.interactive),
        str(answer.queues.batch),
    )
    console.print(service)
    workers = Table("worker", "state", "model", "in progress", "photos/s", "last seen")
    for worker in answer.workers:
        workers.add_row(
            worker.name,
            _coloured(worker.status),
            " ".join(word for word in (worker.model, worker.device, worker.precision) if word),
            str(worker.in_flight),
            "" if worker.rate_per_s is None else f"{worker.rate_per_s:.1f}",
            f"{worker.heartbeat_age_s:.0f} s ago",
        )
    console.print(workers if answer.workers else "no workers")
    if answer.notice:
        console.print(f"notice: {answer.notice}", style="yellow", markup=False)


def _coloured(status: str) -> str:
    return f"[{COLOURS.get(status, 'red')}]{status}[/]"
