import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.serve import port_lock
from scripts.serve.errors import ServeError
from scripts.serve.settings import ROOT, ServeSettings
from tests.support.serve_settings import TemporaryServeSettings


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_one_line_that_names_another(taken: int) -> None:
    with pytest.raises(ServeError) as caught:
        port_lock.check_port(ServeSettings(port=taken))
    assert f"port {taken} on 127.0.0.1 is taken" in str(caught.value)
    assert f"PORT={taken + 1}" in str(caught.value)


def test_a_free_port_raises_nothing(taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    assert port != taken
    port_lock.check_port(ServeSettings(port=port))


def test_an_address_of_another_machine_is_one_line() -> None:
    with pytest.raises(ServeError, match=r"cannot listen on 192\.0\.2\.1 port 8000"):
        port_lock.check_port(ServeSettings(bind_address="192.0.2.1"))


def test_an_invalid_address_is_one_line() -> None:
    with pytest.raises(ServeError, match="cannot listen on not an address port 8000"):
        port_lock.check_port(ServeSettings(bind_address="not an address"))


def test_a_folder_belongs_to_one_service_at_a_time(tmp_path: Path) -> None:
    settings = TemporaryServeSettings(root=tmp_path, port=8009)
    with port_lock.claim_folder(settings):
        with pytest.raises(ServeError, match="port 8009"):
            port_lock.claim_folder(settings)
        port_lock.claim_folder(TemporaryServeSettings(root=tmp_path, port=8010)).close()
    port_lock.claim_folder(settings).close()
    assert (tmp_path / "8009" / "uploads").is_dir()
    assert ServeSettings(port=8009).folder == ROOT / ".run" / "8009"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104 - nothing is bound
        ("::", "http://[::1]:8000"),
        ("fe80::1", "http://[fe80::1]:8000"),
    ],
)
def test_the_url_is_one_that_a_browser_can_open(address: str, url: str) -> None:
    assert ServeSettings(bind_address=address).url == url


def test_children_get_the_urls_of_this_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPLOADS_URL", raising=False)
    monkeypatch.delenv("MODEL", raising=False)
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    environment = ServeSettings(port=8011).environment("unix:///somewhere?db=0")
    assert environment["UPLOADS_URL"].startswith("file:///")
    assert environment["UPLOADS_URL"].endswith("/.run/8011/uploads")
    assert environment["REDIS_URL"] == "unix:///somewhere?db=0"
    assert environment["MODEL"] == "auto"
    assert environment["LOG_LEVEL"] == "DEBUG"
