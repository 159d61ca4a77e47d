"""The settings that both sides share, and how a wrong one is explained."""

import pytest
from pydantic import ValidationError

from shared.settings import SharedSettings, explain


@pytest.mark.parametrize(
    ("redis_url", "broker_url"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("rediss://:secret@host/2", "rediss://:secret@host/2?ssl_cert_reqs=required"),
        ("rediss://h/0?ssl_ca_certs=/ca", "rediss://h/0?ssl_ca_certs=/ca&ssl_cert_reqs=required"),
        ("rediss://host/0?ssl_cert_reqs=none", "rediss://host/0?ssl_cert_reqs=none"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
    ],
)
def test_celery_gets_the_url_in_its_own_spelling(redis_url: str, broker_url: str) -> None:
    assert SharedSettings(redis_url=redis_url).broker_url == broker_url


def test_a_wrong_value_is_named_and_never_echoed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "http://:secret@host")
    monkeypatch.setenv("JOB_TTL_S", "soon")
    with pytest.raises(ValidationError) as caught:
        SharedSettings()
    line = explain(caught.value)
    assert "REDIS_URL" in line
    assert "JOB_TTL_S" in line
    assert "secret" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "url",
    ["redis://:secret\uff03@host/0", "redis://:[secret]@host/0", "redis://:secret[@host/0"],
)
@pytest.mark.parametrize("name", ["REDIS_URL", "UPLOADS_URL"])
def test_a_url_that_cannot_be_read_is_not_echoed(
    name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(ValidationError) as caught:
        SharedSettings()
    line = explain(caught.value)
    assert line.startswith(f"{name}: ")
    assert "valid URL" in line
    assert "secret" not in line


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_TTL_S", "")
    assert SharedSettings().job_ttl_s == 86_400


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        ("jpeg,png", ("jpeg", "png")),
        ("webp, PNG,jpeg", ("jpeg", "png", "webp")),
        ("jpeg,png,webp,webp,", ("jpeg", "png", "webp")),
        ("avif jpeg png webp", ("jpeg", "png", "webp", "avif")),
        ("heic,jpeg,png", ("jpeg", "png", "heic")),
    ],
)
def test_photo_formats_are_a_list_in_any_order(text: str, formats: tuple[str, ...]) -> None:
    assert SharedSettings(photo_formats=text).formats.accepted == formats


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("jpeg,png,gif", "unknown format; choose from jpeg, png, webp, avif, heic"),
        ("jpg,png", "unknown format; choose from"),
        ("heic", "must contain jpeg and png: set it to jpeg,png,heic"),
        ("avif,jpeg,webp", "must contain jpeg and png: set it to jpeg,png,webp,avif"),
        (",", "must contain jpeg and png: set it to jpeg,png"),
    ],
)
def test_a_format_that_cannot_be_accepted_is_refused(
    text: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTO_FORMATS", text)
    with pytest.raises(ValidationError) as caught:
        SharedSettings()
    explained = explain(caught.value)
    assert explained.startswith(f"PHOTO_FORMATS: Value error, {line}")
    assert "\n" not in explained
