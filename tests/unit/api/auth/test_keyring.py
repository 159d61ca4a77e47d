"""API keys: how they are made, written down, sent and compared."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from api.auth import keyring
from api.auth.keyring import Keyring
from api.settings import ApiSettings
from shared.settings import explain

KEY, ENTRY = keyring.make("alice")
OTHER_KEY, OTHER_ENTRY = keyring.make("bob")


def headers(**fields: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]


def test_the_command_makes_a_key_and_the_entry_that_belongs_to_it() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "api.keys", "alice"], capture_output=True, text=True, check=True
    )
    (_, key), (_, entry) = (line.split() for line in made.stdout.splitlines())
    assert entry == f"alice:{hashlib.sha256(key.encode()).hexdigest()}"
    assert Keyring(keyring.parse(entry)).owner_of(headers(x_api_key=key)) == "alice"


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["a:b"], [""], ["x" * 65], ["--helper"]])
def test_the_command_says_what_it_wants(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        keyring.main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "usage: python -m api.keys" in said.err


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_asking_for_help_makes_no_key(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        keyring.main([flag])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "NAME" in said
    assert keyring.PREFIX not in said


def test_no_two_keys_are_alike() -> None:
    made = {keyring.make("alice")[0] for _ in range(100)}
    assert len(made) == 100
    assert {len(key) for key in made} == {len(keyring.PREFIX) + 43}  # 256 bits


@pytest.mark.parametrize(
    "sent",
    [
        headers(authorization=f"Bearer {KEY}"),
        headers(authorization=f"bearer  {KEY} "),
        headers(x_api_key=KEY),
        headers(authorization="Basic YTpi", x_api_key=KEY),
    ],
)
def test_a_key_is_taken_in_either_header(sent: list[tuple[bytes, bytes]]) -> None:
    assert Keyring(keyring.parse(f"{OTHER_ENTRY},{ENTRY}")).owner_of(sent) == "alice"


@pytest.mark.parametrize(
    "sent",
    [
        [],
        headers(authorization=KEY),
        headers(authorization=f"Basic {KEY}"),
        headers(authorization="Bearer "),
        headers(x_api_key=""),
        headers(x_api_key=KEY[:-1]),
        headers(x_api_key=ENTRY),
        headers(x_api_key=ENTRY.partition(":")[2]),
        headers(authorization=f"Bearer {KEY}", x_api_key="wrong"),
        [(b"x-api-key", b"\xff\xfe")],
    ],
)
def test_other_headers_have_no_owner(sent: list[tuple[bytes, bytes]]) -> None:
    assert Keyring(keyring.parse(ENTRY)).owner_of(sent) is None


def test_every_key_is_compared_whichever_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(known: bytes, sent: bytes) -> bool:
        compared.append(known)
        return known == sent

    monkeypatch.setattr(keyring.hmac, "compare_digest", compare)
    ring = Keyring(keyring.parse(f"{ENTRY} {OTHER_ENTRY}"))
    assert ring.owner_of(headers(x_api_key=KEY)) == "alice"
    assert len(compared) == 2


def test_an_owner_may_have_several_keys() -> None:
    new_key, new_entry = keyring.make("alice")
    ring = Keyring(keyring.parse(f"{ENTRY}\n{new_entry}"))
    assert {ring.owner_of(headers(x_api_key=key)) for key in (KEY, new_key)} == {"alice"}


def test_both_settings_hold_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# who asks\n{OTHER_ENTRY}  # since Monday\n\n")
    monkeypatch.setenv("API_KEYS", ENTRY)
    monkeypatch.setenv("API_KEYS_FILE", str(file))
    ring = ApiSettings().keyring
    assert ring.owner_of(headers(x_api_key=KEY)) == "alice"
    assert ring.owner_of(headers(x_api_key=OTHER_KEY)) == "bob"


def test_without_either_there_are_no_keys() -> None:
    assert not ApiSettings().keyring


@pytest.mark.parametrize(
    "text",
    ["hunter2", "alice:hunter2", f"{ENTRY},hunter2", "a b:hunter2"],
    # no key in a name: both processes of `make test` have to find the same tests
    ids=["no name", "no hash", "behind an entry", "no name's form"],
)
def test_an_invalid_entry_is_refused_and_not_shown(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEYS", text)
    with pytest.raises(ValidationError) as refused:
        ApiSettings()
    said = explain(refused.value)
    assert said.startswith("API_KEYS: ")
    assert "python -m api.keys" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("text", ["", "# no key yet\n", "\ufeff?", "\x00"])
def test_a_file_without_entries_does_not_open_the_service(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    monkeypatch.setenv("API_KEYS_FILE", str(file))
    with pytest.raises(ValidationError, match="entry"):
        ApiSettings()


def test_a_file_that_is_not_there_is_named_by_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS_FILE", "/nothing/here")
    with pytest.raises(ValidationError) as refused:
        ApiSettings()
    assert "API_KEYS_FILE: " in explain(refused.value)
    assert "cannot be read: No such file" in explain(refused.value)


def test_the_settings_do_not_show_the_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", ENTRY)
    settings = ApiSettings()
    assert ENTRY not in repr(settings)
    assert ENTRY not in settings.model_dump_json()


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("*", True),
        ("https://example.org", True),
        ("https://example.org, http://localhost:3000", True),
        ("http://[::1]:8080", True),
        ("example.org", False),
        ("https://example.org/", False),
        ("https://*.example.org", False),
        ("null", False),
    ],
)
def test_origins_are_whole_or_refused(
    text: str, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", text)
    if good:
        assert ApiSettings().origins == text.replace(",", " ").split()
    else:
        with pytest.raises(ValidationError, match="without a path"):
            ApiSettings()
