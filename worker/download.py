"""`python -m worker.download` puts the weights that the settings ask for into `MODEL_CACHE`.

Depends on `worker.registry` and `worker.fetching`; not on torch. Its errors are one line on stderr
and exit code 1.
"""

import sys

from pydantic import ValidationError

from shared.settings import explain
from worker.fetching import fetch
from worker.registry import ModelSpec, published_weights, resolve
from worker.settings import WorkerSettings
from worker.weights import ModelUnavailable


def download(settings: WorkerSettings) -> ModelSpec:
    """Fetch what is to be fetched, and check what there is.

    Raises:
        ModelUnavailable: It cannot be had; the text says what to do.
    """
    published = published_weights(settings)
    # For MODEL=auto, resolve() itself fetches, and falls back.
    if published and settings.model == "resnet50":
        fetch(published, settings.model_cache.expanduser())
    return resolve(settings)


def main() -> int:
    """Run the command; returns its exit code."""
    try:
        spec = download(WorkerSettings())
    except ValidationError as error:
        return _fail(explain(error))
    except ModelUnavailable as error:
        return _fail(str(error))
    if spec.notice:
        print(f"download: {spec.notice}", file=sys.stderr)  # noqa: T201 - a command speaks
    print(f"{spec.name} {spec.weights} is in {spec.weights_path}")  # noqa: T201 - likewise
    return 0


def _fail(line: str) -> int:
    print(f"download: {line}", file=sys.stderr)  # noqa: T201 - likewise
    return 1


if __name__ == "__main__":
    sys.exit(main())
