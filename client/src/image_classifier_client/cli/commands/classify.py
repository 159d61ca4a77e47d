"""The command ``classify PATH…``: photos and folders to results, on stdout or in a file."""

from importlib.metadata import version
from math import isnan
from pathlib import Path
from typing import Annotated

import typer

from image_classifier_client.cli.commands.run import ClassificationRun
from image_classifier_client.cli.commands.watch import watch
from image_classifier_client.cli.exit_codes import CommandError, ExitCode, as_command_error
from image_classifier_client.cli.options import JsonOption, UrlOption, new_app
from image_classifier_client.cli.sidecars.sidecars import Sidecars

EPILOG = """\
`classify jobs` lists your jobs, `classify health` shows the state of the service. The API key is \
read from the environment variable CLASSIFIER_API_KEY.

\b
Exit codes:
  0    all photos classified
  1    some photos failed
  2    wrong usage
  3    service unavailable
  4    request refused by the service
  5    cannot write the output or a sidecar
  130  interrupted by Ctrl-C
  141  the output was closed
  143  ended by a signal
"""

app = new_app()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"classify {version('image-classifier-client')}")
        raise typer.Exit


@app.command(epilog=EPILOG, no_args_is_help=True)
def classify(  # noqa: PLR0913, PLR0917 - typer: an argument for each option
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", hidden=True),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Include subfolders.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE",
            help="Write results to a .csv, .ndjson or .json file. Photos that are already in it "
            "are skipped.",
        ),
    ] = None,
    bom: Annotated[
        bool,
        typer.Option(
            "--bom", help="With --out FILE.csv, begin a new file with a byte order mark, so that "
            "Excel reads it as UTF-8.",
        ),
    ] = False,
    top_k: Annotated[
        int, typer.Option("--top-k", "-k", min=1, max=100, metavar="N", help="Classes per photo.")
    ] = 3,
    min_confidence: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="CONFIDENCE",
            help="Leave out classes with a lower confidence (0 to 1). A photo may then have no "
            "classes.",
        ),
    ] = 0.0,
    xmp: Annotated[
        bool,
        typer.Option(
            "--xmp", help="Add the concept and the most probable class as tags to a sidecar file "
            "beside each photo (NAME.jpg.xmp). Photos and other metadata stay as they are.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="With --xmp: report the tags on stderr instead of writing them."
        ),
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="With --out, retry photos that failed in an earlier run."
        ),
    ] = False,
    job: Annotated[
        str | None,
        typer.Option(
            "--watch", metavar="JOB_ID", help="Wait for an earlier job and show its results."
        ),
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    retry_for: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS",
            help="How long to retry while the service is unreachable or busy.",
        ),
    ] = 120,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress and no summary.")
    ] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:  # fmt: skip
    """Classify photos. Each PATH is a photo of a format that the service accepts, or a folder.

    Each result has the most probable classes with their confidence, 0 to 1. If a group of classes,
    such as "dog", has a confidence of at least 0.8, its name (the concept) comes before them.
    """
    if out and as_json:
        raise CommandError(ExitCode.USAGE, "--json prints to stdout, --out writes a file: use one")
    if isnan(min_confidence):
        raise CommandError(ExitCode.USAGE, "--min-confidence is a number from 0 to 1")
    if retry_failed and not out:
        raise CommandError(
            ExitCode.USAGE, "--retry-failed needs the results of an earlier run: --out FILE"
        )
    if bom and (out is None or out.suffix.lower() != ".csv"):
        raise CommandError(ExitCode.USAGE, "--bom needs a CSV file: --out FILE.csv")
    if bool(names) == (job is not None) or job == "":
        raise CommandError(ExitCode.USAGE, "pass either photos and folders, or --watch JOB_ID")
    if dry_run and not xmp:
        raise CommandError(ExitCode.USAGE, "--dry-run needs --xmp")
    if xmp and job is not None:
        raise CommandError(ExitCode.USAGE, "--xmp needs the photos: pass them instead of --watch")
    run = ClassificationRun(
        url, top_k, min_confidence, retry_for, out=out, bom=bom, as_json=as_json, quiet=quiet,
        sidecars=Sidecars(min_confidence, dry_run=dry_run) if xmp else None,
    )  # fmt: skip
    with as_command_error():
        if job is not None:
            code = watch(run, job)
        else:
            code = run.classify(names or [], recursive=recursive, retry_failed=retry_failed)
    raise typer.Exit(code)
