"""`python -m worker.download` puts the weights that the settings name into `MODEL_CACHE`.

Errors are one line on stderr and exit code 1.
"""

import sys

from worker.cli import run, say
from worker.models.catalog import ModelSpec, published_weights, resolve
from worker.models.downloader import fetch
from worker.settings import WorkerSettings


def download(settings: WorkerSettings) -> ModelSpec:
    """Fetch what is to be fetched, and check what there is.

    Raises:
        ModelUnavailable: The model is not available; the text says what to do.
    """
    published = published_weights(settings)
    # For MODEL=auto, resolve() itself fetches, and falls back.
    if published and settings.model == "resnet50":
        fetch(published, settings.model_cache.expanduser())
    return resolve(settings)


def main() -> int:
    """Run the command; returns its exit code."""
    return run("download", _fetched)


def _fetched() -> str:
    spec = download(WorkerSettings())
    if spec.notice:
        say("download", spec.notice)
    return f"{spec.name} {spec.weights} is in {spec.weights_path}"


if __name__ == "__main__":
    sys.exit(main())
