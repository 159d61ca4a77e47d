"""What users do, through nginx and HAProxy, below a prefix, 20 ms away from the API."""

import json
import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from urllib.parse import urljoin

import httpx
import pytest

from shared.messages import ItemResult
from shared.records.items import StartedItem
from tests.proxies.conftest import Proxied
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker, succeed

MB = 1_000_000
CLIENTS, ROUNDS, PAUSE_S = 24, 3, 5.0
SMALL = b"\xff\xd8\xff" + bytes(100)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.usefixtures("worker")
def test_addresses_are_right_below_the_prefix(proxied: Proxied) -> None:
    answer = proxied.client.post("/jobs", files={"files": SMALL})
    assert answer.status_code == 202
    where = urljoin(str(answer.url), answer.headers["location"])
    assert where == f"{proxied.url}/jobs/{answer.json()['job_id']}"
    assert httpx.get(where, trust_env=False).status_code == 200
    description = proxied.client.get("/openapi.json")
    server = description.json()["servers"][0]["url"]
    assert urljoin(str(description.url), server) == f"{proxied.url}/"


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_a_page_finds_its_files_below_the_prefix(proxied: Proxied, page: str) -> None:
    answer = proxied.client.get(page)
    files = re.findall(r'(?:href|src)="([^"#]+)"', answer.text)
    assert len(files) > 3
    for file in files:
        where = urljoin(str(answer.url), file)
        assert where.startswith(f"{proxied.url}/")
        assert httpx.get(where, trust_env=False).status_code == 200, where


@pytest.mark.usefixtures("worker")
def test_metrics_are_not_for_everybody(proxied: Proxied) -> None:
    assert proxied.client.get("/metrics").status_code == 404
    assert proxied.api.client.get("/metrics").status_code == 200


@pytest.mark.usefixtures("worker")
def test_a_request_after_a_pause_of_five_seconds_is_answered(proxied: Proxied) -> None:
    """The API must not close an idle connection on which the proxy sends the next request."""

    def failures(_: int) -> list[str]:
        found = []
        for _ in range(ROUNDS):
            answer = httpx.post(
                f"{proxied.url}/predict", content=SMALL, timeout=60, trust_env=False, verify=False
            )
            if answer.status_code != 200:
                found.append(f"{answer.status_code} {answer.text}")
            time.sleep(PAUSE_S)
        return found

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert not [*chain.from_iterable(pool.map(failures, range(CLIENTS)))]


def test_a_stopped_worker_is_a_202_before_the_proxy_gives_up(
    proxied: Proxied, worker: PlayedWorker
) -> None:
    worker.listen_to("no such queue")
    answer = httpx.post(f"{proxied.short_url}/predict", content=SMALL, timeout=60, trust_env=False)
    assert answer.status_code == 202
    assert proxied.client.delete(answer.headers["location"]).status_code == 200


@pytest.mark.usefixtures("worker")
def test_a_photo_of_12_mb_is_accepted(proxied: Proxied) -> None:
    photo = jpeg() + bytes(12 * MB)
    for how in ({"content": photo}, {"files": {"file": photo}}):
        assert proxied.client.post("/predict", **how).status_code == 200  # type: ignore[arg-type]


def test_progress_of_a_batch_is_live(proxied: Proxied, worker: PlayedWorker) -> None:
    """Each photo is classified only once the progress so far has arrived."""
    turn = threading.Semaphore(0)

    def in_turn(item: StartedItem) -> ItemResult:
        assert turn.acquire(timeout=30)
        return succeed(item)

    worker.answer = in_turn
    files = [("files", (f"{at}.jpg", SMALL)) for at in range(4)]
    where = proxied.client.post("/jobs", files=files).headers["location"]
    ended = []
    with proxied.client.stream("GET", f"{where}/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                succeeded = json.loads(line.removeprefix("data: "))["counts"]["succeeded"]
                if succeeded not in ended:
                    ended.append(succeeded)
                    turn.release()
    assert ended == [0, 1, 2, 3, 4]


@pytest.mark.usefixtures("worker")
def test_a_trailing_slash_does_not_redirect_curl(proxied: Proxied) -> None:
    told = subprocess.run(
        ["curl", "-sL", "--noproxy", "*", "-F", "file=@-;filename=a.jpg",
         "-w", "\n%{http_code} %{num_redirects}", f"{proxied.url}/predict/"],
        input=jpeg(), capture_output=True, check=True, timeout=60,
    ).stdout.decode()  # fmt: skip
    body, _, end = told.rpartition("\n")
    assert end == "404 0"
    assert "/predict instead" in json.loads(body)["detail"]


@pytest.mark.parametrize("size", [1_200_000, 5_700_000, 30 * MB])
@pytest.mark.usefixtures("no_worker")
def test_no_refusal_is_lost(proxied: Proxied, size: int) -> None:
    """The API refuses before the body is read: the client still gets its reason."""

    def status(at: int) -> int | str:
        body = PNG + bytes(size)
        how = {"files": {"file": body}} if at % 2 else {"content": body}
        try:
            answer = httpx.post(
                f"{proxied.url}/predict", timeout=60, trust_env=False, verify=False, **how
            )  # type: ignore[arg-type]
        except httpx.TransportError as error:
            return repr(error)
        return answer.status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(status, range(20))) == [503] * 20
