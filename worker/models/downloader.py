"""Downloads a file into a folder: it resumes, checks the file, and never leaves half a file."""

import fcntl
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from tqdm import tqdm

from shared import log
from worker.models.cache import why_not_written
from worker.models.weights import ModelUnavailable, Published, file_sha256

_log = log.get(__name__)

# Seconds without a byte after which a try fails; the whole download has no time limit.
TIMEOUT = httpx2.Timeout(20.0, connect=5.0)
TRIES = 3
PAUSE_S = 1.0
_BUFFER = 1 << 20
_SERVER_ERROR = 500


class DownloadFailed(ModelUnavailable):
    """The file could not be downloaded, or is not the expected file."""


class Unreachable(DownloadFailed):
    """No connection to the server, or every connection broke."""


def fetch(
    published: Published,
    folder: Path,
    *,
    tries: int = TRIES,
    pause_s: float = PAUSE_S,
    timeout: httpx2.Timeout = TIMEOUT,
) -> Path:
    """Download weights unless the folder has them.

    This call and later calls resume an interrupted download. A second process that needs the same
    file waits for the first process.

    Args:
        published: The weights to download.
        folder: The target folder; created if necessary.
        tries: How many connections in a row may fail without a byte.
        pause_s: Pause before the next try, in seconds.
        timeout: How long a try waits for the next byte.

    Returns:
        The file, whose SHA-256 was checked; beside it is a file for `sha256sum -c`.

    Raises:
        Unreachable: The server is unreachable, or ``tries`` connections in a row brought no byte.
        DownloadFailed: The server returned an error or another file, or the folder is not writable.
    """
    path = folder / published.filename
    if path.exists():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f".{published.filename}.lock"):
            if not path.exists():
                _download(published, path, _Tries(tries, pause_s, timeout))
    except OSError as error:
        raise DownloadFailed(why_not_written(folder, error)) from error
    return path


@dataclass(frozen=True)
class _Tries:
    most: int
    pause_s: float
    timeout: httpx2.Timeout


def _download(published: Published, path: Path, tries: _Tries) -> None:
    part = path.with_name(f"{path.name}.part")
    continued = part.exists()
    _transfer(published.url, part, tries)
    digest = file_sha256(part)
    if continued and not digest.startswith(published.sha256_prefix):
        # The older part may belong to another file: download again from the first byte.
        part.unlink()
        _transfer(published.url, part, tries)
        digest = file_sha256(part)
    if not digest.startswith(published.sha256_prefix):
        part.unlink()
        raise DownloadFailed(
            f"{published.url} returned another file than torchvision publishes (SHA-256 {digest}, "
            f"not {published.sha256_prefix}…): nothing was kept; check for a proxy that alters "
            "downloads, or put the right file into the cache by hand"
        )
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n", encoding="ascii")
    part.replace(path)


def _transfer(url: str, part: Path, tries: _Tries) -> None:
    """Download ``part`` completely, with new connections as long as they bring bytes."""
    failed = 0
    while True:
        before = _size(part)
        try:
            _continue(url, part, tries.timeout)
        except (httpx2.TransportError, _TryAgain) as error:
            failed = 0 if _size(part) > before else failed + 1
            if failed < tries.most:
                time.sleep(tries.pause_s)
                continue
            if isinstance(error, _TryAgain):
                raise DownloadFailed(f"{url} returned {error}: try again later") from error
            raise Unreachable(_advice(url, error)) from error
        except httpx2.HTTPError as error:
            raise DownloadFailed(
                f"{url} cannot be downloaded ({error}): check your proxy"
            ) from error
        else:
            return


class _TryAgain(Exception):
    """The server reported a problem that may pass."""


def _continue(url: str, part: Path, timeout: httpx2.Timeout) -> None:
    """With one connection, append the missing bytes, or begin again if the server cannot resume."""
    have = _size(part)
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with (
        _client(timeout) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        if answer.status_code == httpx2.codes.RANGE_NOT_SATISFIABLE:
            if answer.headers.get("content-range") != f"bytes */{have}":
                part.unlink()
                raise _TryAgain("416 Range Not Satisfiable")
            return
        if answer.status_code >= _SERVER_ERROR:
            raise _TryAgain(f"{answer.status_code} {answer.reason_phrase}")
        if answer.status_code not in {httpx2.codes.OK, httpx2.codes.PARTIAL_CONTENT}:
            raise DownloadFailed(
                f"{url} returned {answer.status_code} {answer.reason_phrase}: put the file into "
                f"{part.parent} by hand, or point MODEL_WEIGHTS at a file you have"
            )
        span = re.match(r"bytes (\d+)-", answer.headers.get("content-range", ""))
        resumed = answer.status_code == httpx2.codes.PARTIAL_CONTENT and span is not None
        if resumed and span and int(span[1]) != have:
            part.unlink()
            raise _TryAgain(f"another range than requested, {span[0]}")
        _write(answer, part, have if resumed else 0)


def _client(timeout: httpx2.Timeout) -> httpx2.Client:
    try:
        return httpx2.Client(timeout=timeout, follow_redirects=True)
    except (OSError, ImportError, ValueError, httpx2.InvalidURL) as error:
        raise DownloadFailed(
            f"the network settings do not work ({error}): check HTTP_PROXY, HTTPS_PROXY, "
            "ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
        ) from error


def _write(answer: httpx2.Response, part: Path, start: int) -> None:
    length = answer.headers.get("content-length")
    total = start + int(length) if length else None
    terminal = sys.stderr.isatty()
    with (
        part.open("ab" if start else "wb", buffering=_BUFFER) as file,
        tqdm(
            desc=part.stem,
            initial=start,
            total=total,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            mininterval=0.1 if terminal else 5.0,  # ten lines per second are too many for a log
            ascii=not terminal,
        ) as bar,
    ):
        # In chunks as received: with a fixed size, a partial chunk would be lost at a disconnect.
        for chunk in answer.iter_raw():
            file.write(chunk)
            bar.update(len(chunk))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a file lock, which the system releases when the process exits."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("waiting for another process that downloads the same file", lock=str(path))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _advice(url: str, error: Exception) -> str:
    host = httpx2.URL(url).host
    reason = str(error) or type(error).__name__
    return (
        f"no connection to {host} ({reason}): connect or set HTTPS_PROXY and try again, put {url} "
        "into MODEL_CACHE by hand, or set MODEL=efficientnet_lite0, which needs no download"
    )
