"""`python -m worker.download` downloads the weights in the settings into `MODEL_CACHE`.

On an error it prints one line on stderr and exits with code 1.
"""

import sys

from worker.cli import run, say
from worker.models.downloader import fetch
from worker.models.selection import ModelSpec, published_weights, resolve
from worker.settings import WorkerSettings


def download(settings: WorkerSettings) -> ModelSpec:
    """Download the weights if they are missing, and check them.

    Raises:
        ModelUnavailable: The model is not available; the text says what to do.
    """
    published = published_weights(settings)
    # For MODEL=auto, resolve() downloads the weights or falls back to another model.
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
