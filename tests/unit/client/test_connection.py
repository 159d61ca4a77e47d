import inspect

import pytest

from image_classifier_client import AsyncImageClassifier, ImageClassifier
from image_classifier_client.api_requests import PREDICT_WAIT_S
from image_classifier_client.connection import Connection


def connection(url: str | None = None, api_key: str | None = None) -> Connection:
    return Connection.of(url, api_key, 60, 30, None)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLASSIFIER_URL", raising=False)
    monkeypatch.delenv("CLASSIFIER_API_KEY", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_default_is_this_computer_without_a_key() -> None:
    assert str(connection().url) == "http://127.0.0.1:8000"
    assert "Authorization" not in connection().headers


@pytest.mark.parametrize("kind", [ImageClassifier, AsyncImageClassifier])
def test_predict_does_not_wait_for_ever_by_default(kind: type) -> None:
    timeout_s = inspect.signature(kind.predict).parameters["timeout_s"].default
    assert PREDICT_WAIT_S < timeout_s <= 600


def test_an_argument_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_URL", "https://there/prefix")
    monkeypatch.setenv("CLASSIFIER_API_KEY", "from-environment\n")
    assert str(connection().url) == "https://there/prefix"
    assert connection().headers["Authorization"] == "Bearer from-environment"
    assert connection("http://here", "given").headers["Authorization"] == "Bearer given"
    assert connection("http://here").url.host == "here"
    assert "Authorization" not in connection(api_key="").headers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLASSIFIER_URL", "localhost:8291"),
        ("CLASSIFIER_URL", "http://a:99999"),
        ("CLASSIFIER_API_KEY", "a\u2026b"),
    ],
)
def test_a_wrong_value_of_the_environment_is_named_by_its_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"^{name}"):
        connection()


@pytest.mark.parametrize(
    "url",
    [
        "service:8000",
        "ftp://service",
        "http://",
        "http://a:b:c",
        "x",
        "http://a:99999",
        "http://a:0",
        "http://a..b",
        "http://.a",
        f"http://{'x' * 64}.example",
    ],
)
@pytest.mark.parametrize("kind", [ImageClassifier, AsyncImageClassifier])
def test_an_invalid_url_is_refused(
    kind: type[ImageClassifier | AsyncImageClassifier], url: str
) -> None:
    with pytest.raises(ValueError, match="the URL"):
        kind(url)


@pytest.mark.parametrize("key", ["ke\ny", "schlüssel", "a\x00b"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        connection(api_key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "end", ["", "/", "/predict", "/jobs", "/health", "/docs", "/predict?top_k=5", "#x"]
)
@pytest.mark.parametrize("base", ["http://here:8000", "https://here/classifier"])
def test_the_url_of_an_endpoint_becomes_the_base_url(base: str, end: str) -> None:
    assert str(connection(f"{base}{end}\n").url).rstrip("/") == base


def test_a_path_that_ends_in_a_slash_is_taken_as_it_is() -> None:
    assert str(connection("http://here/predict/").url) == "http://here/predict/"


@pytest.mark.parametrize(("timeout_s", "wait_s"), [(60, 20), (10, 9), (1, 0), (0.2, 0)])
def test_predict_waits_less_than_the_timeout(timeout_s: float, wait_s: int) -> None:
    assert Connection.of(None, None, timeout_s, 30, None).predict_wait_s == wait_s


def test_missing_certificates_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(ValueError, match="SSL_CERT_FILE"):
        ImageClassifier("https://here")
    ImageClassifier("http://here").close()  # needs none


@pytest.mark.parametrize(
    "options",
    [
        {"timeout_s": 0},
        {"timeout_s": -1},
        {"timeout_s": float("nan")},
        {"timeout_s": float("inf")},
        {"retry_for_s": -1},
        {"retry_for_s": float("nan")},
    ],
)
@pytest.mark.parametrize("kind", [ImageClassifier, AsyncImageClassifier])
def test_a_time_that_makes_no_sense_is_refused(
    kind: type[ImageClassifier | AsyncImageClassifier], options: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match="time"):
        kind(**options)
