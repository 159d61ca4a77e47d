"""What both commands share: their options, their help and the client."""

from typing import Annotated

import typer

from image_classifier_client.cli.exit_codes import CommandError, ExitCode
from image_classifier_client.client import ImageClassifier
from image_classifier_client.connection import DEFAULT_URL, OnRetry

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help=f"URL of the service (environment: CLASSIFIER_URL; default: {DEFAULT_URL}).",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON: one object per line.")]


def new_app() -> typer.Typer:
    """Create a command with plain help, also under ``-h``."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def new_client(
    url: str | None,
    *,
    retry_for_s: float,
    timeout_s: float = 60.0,
    on_retry: OnRetry | None = None,
) -> ImageClassifier:
    """Create the client that the options describe.

    Raises:
        CommandError: The URL, the API key, a time or a proxy setting is invalid.
    """
    try:
        return ImageClassifier(url, timeout_s=timeout_s, retry_for_s=retry_for_s, on_retry=on_retry)
    except ValueError as error:
        raise CommandError(ExitCode.USAGE, str(error)) from error
