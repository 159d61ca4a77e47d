"""``classify health``: the service's state as tables, or as JSON."""

import sys

import typer
from rich.console import Console
from rich.table import Table

from image_classifier_client.cli.exits import ExitCode, stopping
from image_classifier_client.cli.options import JsonOption, UrlOption, classifier
from image_classifier_client.models import Health

COLOURS = {"ok": "green", "idle": "green", "busy": "green", "degraded": "yellow", "up": "green"}
# What reads a pipe has no edge at which a table must break.
PIPED_WIDTH = 200

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog="Exit codes: 0 photos are answered, 3 they are not, 4 it is no such service.")
def health(url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Show how the service is: broker, workers and queues."""
    with stopping():
        with classifier(url, retry_for_s=0) as client:
            answer = client.health()
        if as_json:
            sys.stdout.write(answer.model_dump_json() + "\n")
        else:
            _show(answer)
        sys.stdout.flush()
    if answer.status == "unavailable":
        raise typer.Exit(ExitCode.UNAVAILABLE)


def _show(answer: Health) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    state = Table("service", "broker", "answers in", "waiting: predict", "waiting: jobs")
    latency = answer.broker.latency_ms
    state.add_row(
        _word(answer.status),
        _word(answer.broker.status),
        "" if latency is None else f"{latency:.1f} ms",
        str(answer.queues.interactive),
        str(answer.queues.batch),
    )
    console.print(state)
    workers = Table("worker", "state", "model", "in work", "photos/s", "seen")
    for one in answer.workers:
        workers.add_row(
            one.name,
            _word(one.status),
            " ".join(word for word in (one.model, one.device, one.precision) if word),
            str(one.in_flight),
            "" if one.rate_per_s is None else f"{one.rate_per_s:.1f}",
            f"{one.heartbeat_age_s:.0f} s ago",
        )
    console.print(workers if answer.workers else "no worker has been seen")
    if answer.notice:
        console.print(f"notice: {answer.notice}", style="yellow", markup=False)


def _word(status: str) -> str:
    return f"[{COLOURS.get(status, 'red')}]{status}[/]"
