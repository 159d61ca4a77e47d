"""Options that both commands have, and the client that they describe."""

from typing import Annotated

import typer

from image_classifier_client.cli.exits import ExitCode, Stop
from image_classifier_client.client import ImageClassifier
from image_classifier_client.connection import DEFAULT_URL, OnRetry

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="CLASSIFIER_URL", help=f"The service's URL; default {DEFAULT_URL}."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout, one object a line.")]


def classifier(
    url: str | None,
    *,
    retry_for_s: float,
    timeout_s: float = 60.0,
    on_retry: OnRetry | None = None,
) -> ImageClassifier:
    """A client as the options say.

    Raises:
        Stop: The URL or the key is none.
    """
    try:
        return ImageClassifier(url, timeout_s=timeout_s, retry_for_s=retry_for_s, on_retry=on_retry)
    except ValueError as error:
        raise Stop(ExitCode.USAGE, str(error)) from error
