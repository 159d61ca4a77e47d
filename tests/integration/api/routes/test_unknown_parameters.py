"""A query parameter that a route does not have is refused, by its name."""

import pytest

from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg

PHOTO = jpeg()
JOB = f"/jobs/{'0' * 32}"


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("method", "path", "name", "hint"),
    [
        ("POST", "/predict", "topk", "Did you mean 'top_k'?"),
        ("POST", "/predict", "TOP_K", "Did you mean 'top_k'?"),
        ("POST", "/predict", "explian", "Did you mean 'explain'?"),
        ("POST", "/predict", "wait", "Known parameters: top_k, explain, min_confidence."),
        ("POST", "/jobs", "top-k", "Did you mean 'top_k'?"),
        ("GET", JOB, "ofset", "Did you mean 'offset'?"),
        ("GET", f"{JOB}/results", "fromat", "Did you mean 'format'?"),
        ("DELETE", JOB, "force", "Known parameters: none."),
    ],
)
def test_a_misspelled_parameter_is_named(
    api: ApiProcess, method: str, path: str, name: str, hint: str
) -> None:
    answer = api.client.request(method, path, params={name: "5"}, content=PHOTO)
    assert answer.status_code == 422, answer.text
    assert slug(answer) == "invalid_parameter"
    assert answer.json()["detail"] == f"Unknown query parameter '{name}'. {hint}"


@pytest.mark.parametrize("path", ["/", "/health/live", "/openapi.json", "/metrics"])
def test_probes_and_pages_may_be_asked_with_anything(api: ApiProcess, path: str) -> None:
    assert api.client.get(path, params={"utm_source": "x", "t": "17"}).status_code == 200


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("path", "name"), [("/predict", "top_k"), ("/jobs", "explain"), (f"{JOB}/results", "format")]
)
def test_a_parameter_that_is_given_twice_is_refused(api: ApiProcess, path: str, name: str) -> None:
    method = "GET" if path.startswith(JOB) else "POST"
    answer = api.client.request(method, f"{path}?{name}=1&{name}=2", content=PHOTO)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"] == f"'{name}' is given more than once. Send it once."
