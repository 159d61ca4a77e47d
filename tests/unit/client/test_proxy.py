import pytest

from image_classifier_client import AsyncImageClassifier, ImageClassifier
from image_classifier_client.connection import Connection

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def proxy(url: str) -> str:
    return str(Connection.of(url, None, 60, 30, None).proxy)


def test_the_proxy_of_the_scheme_goes_before_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy("http://service") == "None"
    monkeypatch.setenv("ALL_PROXY", "http://user:secret@all:3128")
    assert proxy("http://service") == "http://all:3128 (ALL_PROXY)"
    monkeypatch.setenv("https_proxy", "secure:3129")
    assert proxy("https://service") == "http://secure:3129 (https_proxy)"
    assert proxy("http://service") == "http://all:3128 (ALL_PROXY)"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]", "a.localhost", "[::]"]
)
@pytest.mark.parametrize(
    "environment",
    [
        {"HTTP_PROXY": "http://proxy:3128"},
        {"ALL_PROXY": "socks5://proxy:1080"},
        {"HTTP_PROXY": "nonsense://["},
        {"NO_PROXY": "[::1],127.0.0.1"},
        {"NO_PROXY": "[,%,::1/999"},
    ],
)
@pytest.mark.parametrize("kind", [ImageClassifier, AsyncImageClassifier])
def test_this_computer_is_reached_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[ImageClassifier | AsyncImageClassifier],
    environment: dict[str, str],
    host: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    kind(f"http://{host}:8000")
    assert proxy(f"http://{host}:8000") == "None"


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("service", "service", True),
        ("example.com", "a.example.com", True),
        (".example.com", "a.example.com", True),
        ("*", "service", True),
        ("a,*", "service", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("[fd00::1]", "[fd00::1]", True),
        ("fd00::/8", "[fd00::1]", True),
        ("service:80", "service", False),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("[::1],127.0.0.1", "service", False),
        ("[,%,::1/999", "service", False),
    ],
)
def test_no_proxy_excludes_names_addresses_and_networks(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, host: str, direct: bool
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy(f"http://{host}:8000") == "None") is direct


@pytest.mark.parametrize(
    "value",
    [
        "socks5://u:secret@h:1",
        "foo://u:secret@h",
        "http://u:secret@[::bad",
        "http://u:secret@h:99999",
        "http://",
        "h:secret",
        "http://u:secret@a..b",
    ],
)
@pytest.mark.parametrize("name", ["ALL_PROXY", "http_proxy"])
@pytest.mark.parametrize("kind", [ImageClassifier, AsyncImageClassifier])
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[ImageClassifier | AsyncImageClassifier],
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=name) as caught:
        kind("http://service")
    assert "secret" not in str(caught.value)
