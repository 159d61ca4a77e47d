"""``classify PHOTO…``: photos and folders to results, on stdout or in a file."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from image_classifier_client.cli.exits import ExitCode, Stop, stopping
from image_classifier_client.cli.options import JsonOption, UrlOption
from image_classifier_client.cli.run import Run
from image_classifier_client.cli.watch import watch

EPILOG = (
    "`classify health` shows how the service is. The API key is read from CLASSIFIER_API_KEY. "
    "Exit codes: 0 all classified; 1 some photos failed; 2 wrong usage; 3 service unavailable; "
    "4 refused by the service; 5 the output cannot be written; 130 interrupted."
)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"classify {version('image-classifier-client')}")
        raise typer.Exit


@app.command(epilog=EPILOG, no_args_is_help=True)
def photos(  # noqa: PLR0913, PLR0917 - typer: an argument for each option
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="PHOTO", help="JPEG and PNG files, and folders of them."),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Also the folders within folders.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE",
            help="Write results here: .csv, .ndjson or .json. Run again, only photos that the "
            "file does not have yet are classified.",
        ),
    ] = None,
    top_k: Annotated[
        int, typer.Option("--top-k", "-k", min=1, max=100, help="Classes per photo.")
    ] = 3,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --out: also those that failed before.")
    ] = False,
    job: Annotated[
        str | None,
        typer.Option("--watch", metavar="JOB", help="Wait for a job that was sent before."),
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    retry_for: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS",
            help="How long to try again while the service is away or busy.",
        ),
    ] = 120,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress and no summary.")
    ] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:  # fmt: skip
    """Classify photos: the most probable classes of each, with confidences from 0 to 1."""
    if out and as_json:
        raise Stop(ExitCode.USAGE, "--json writes to stdout, --out to a file: choose one")
    if retry_failed and not out:
        raise Stop(ExitCode.USAGE, "--retry-failed needs the file of the earlier run: --out FILE")
    if bool(names) == (job is not None):
        raise Stop(ExitCode.USAGE, "name photos or folders, or else a job to --watch")
    run = Run(url, top_k, retry_for, out=out, as_json=as_json, quiet=quiet)
    with stopping():
        if job is not None:
            code = watch(run, job)
        else:
            code = run.classify(names or [], recursive=recursive, retry_failed=retry_failed)
    raise typer.Exit(code)
