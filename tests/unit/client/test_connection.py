import pytest

from image_classifier_client import AsyncImageClassifier, ImageClassifier
from image_classifier_client.connection import Connection


def connection(url: str | None = None, api_key: str | None = None) -> Connection:
    return Connection.of(url, api_key, 60, 30, None)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLASSIFIER_URL", raising=False)
    monkeypatch.delenv("CLASSIFIER_API_KEY", raising=False)


def test_it_is_on_this_machine_and_without_a_key_unless_told() -> None:
    assert str(connection().url) == "http://127.0.0.1:8000"
    assert "Authorization" not in connection().headers


def test_the_environment_is_asked_and_an_argument_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_URL", "https://there/prefix")
    monkeypatch.setenv("CLASSIFIER_API_KEY", "from-environment\n")
    assert str(connection().url) == "https://there/prefix"
    assert connection().headers["Authorization"] == "Bearer from-environment"
    assert connection("http://here", "given").headers["Authorization"] == "Bearer given"
    assert connection("http://here").url.host == "here"
    assert "Authorization" not in connection(api_key="").headers


@pytest.mark.parametrize("url", ["service:8000", "ftp://service", "http://", "http://a:b:c", "x"])
@pytest.mark.parametrize("kind", [ImageClassifier, AsyncImageClassifier])
def test_a_url_that_is_none_is_refused(
    kind: type[ImageClassifier | AsyncImageClassifier], url: str
) -> None:
    with pytest.raises(ValueError, match="the URL"):
        kind(url)


@pytest.mark.parametrize("key", ["ke\ny", "schlüssel", "a\x00b"])
def test_a_key_that_no_header_carries_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        connection(api_key=key)
    assert key not in str(caught.value)
