"""A job is visible only to the owner of the key that submitted it."""

import uuid

import httpx
import pytest

from tests.support.answers import slug
from tests.support.photos import jpeg
from tests.support.routes import A_JOB, every_route

OF_A_JOB = [(method, path) for method, path in every_route() if A_JOB in path]


def test_the_list_of_routes_has_those_of_a_job() -> None:
    assert len(OF_A_JOB) >= 4


def submit(client: httpx.Client, **headers: str) -> str:
    files = [("files", ("a.jpg", jpeg()))]
    answer = client.post("/jobs", files=files, headers=headers)
    assert answer.status_code == 202
    return str(answer.json()["job_id"])


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("method", "path"), OF_A_JOB)
def test_a_job_is_visible_only_to_its_owner(
    alice: httpx.Client, bob: httpx.Client, method: str, path: str
) -> None:
    job_id = submit(alice)
    mine = alice.get(f"/jobs/{job_id}").json()
    theirs = path.replace(A_JOB, job_id)
    refused = bob.request(method, theirs)
    assert (refused.status_code, slug(refused)) == (404, "job_not_found")
    assert refused.json() == bob.request(method, path).json(), "it tells which jobs there are"
    assert alice.get(f"/jobs/{job_id}").json()["status"] != "cancelled"
    assert mine["job_id"] == job_id
    assert alice.request(method, theirs).status_code == 200


@pytest.mark.usefixtures("worker")
def test_a_single_photo_is_visible_only_to_its_owner(
    alice: httpx.Client, bob: httpx.Client
) -> None:
    where = f"/jobs/{alice.post('/predict', content=jpeg()).json()['job_id']}"
    assert bob.get(where).status_code == 404
    assert alice.get(where).status_code == 200


@pytest.mark.usefixtures("worker")
def test_the_same_idempotency_key_of_two_owners_is_two_jobs(
    alice: httpx.Client, bob: httpx.Client
) -> None:
    chosen = uuid.uuid4().hex
    first = submit(alice, **{"idempotency-key": chosen})
    assert submit(alice, **{"idempotency-key": chosen}) == first
    other = submit(bob, **{"idempotency-key": chosen})
    assert other != first
    assert bob.get(f"/jobs/{other}").status_code == 200


@pytest.mark.usefixtures("worker")
def test_ids_cannot_be_guessed(alice: httpx.Client) -> None:
    made = [uuid.UUID(submit(alice)) for _ in range(20)]
    assert {one.version for one in made} == {4}, "122 bits from the system's generator"
    assert len({one.hex[:8] for one in made}) == 20
