"""A photo's name comes back as it was sent, whichever way a client encodes it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.intake.multipart import PartReader
from api.intake.photo import MAX_FILENAME, clean_filename


def sent(disposition: str) -> str | None:
    """The name of a part with this Content-Disposition, as the service shows it."""
    reader = PartReader(b"x", 100)
    head = f"--x\r\nContent-Disposition: form-data; name=files; {disposition}\r\n\r\n"
    [part] = reader.feed(head.encode() + b"photo\r\n--x--\r\n")
    return clean_filename(part.filename)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        # .NET: an encoded word for old servers, and the name itself
        (
            "filename=\"=?utf-8?B?5YaZ55yfLmpwZw==?=\"; filename*=utf-8''%E5%86%99%E7%9C%9F.jpg",
            "写真.jpg",
        ),
        ('filename="=?utf-8?B?5YaZ55yfLmpwZw==?="', "写真.jpg"),
        # curl, Chromium, requests and httpx send a double quote like this
        ('filename="a%22b.jpg"', 'a"b.jpg'),
        ('filename="%22写真%22 100%.jpg"', '"写真" 100%.jpg'),
        # no other escape is read: `%41` may be what the file is called
        ('filename="a%41%2522.jpg"', "a%41%2522.jpg"),
        ("filename*=utf-8''a%2522b.jpg", "a%22b.jpg"),
        ('filename="=?UTF-8?Q?caf=C3=A9.jpg?="', "café.jpg"),
        ('filename="=?utf-8?B?5YaZ?= =?utf-8?B?55yf?="', "写真"),
        ("filename*=UTF-8'en'na%C3%AFve%20cat.jpg; filename=\"cat.jpg\"", "naïve cat.jpg"),
        ("filename*=iso-8859-1''%e9t%e9.jpg", "été.jpg"),
        ('filename="写真.jpg"', "写真.jpg"),
        # not encodings, only names that look a little like one
        ('filename="=?.jpg"', "=?.jpg"),
        ('filename="=?utf-8?B?***?="', "=?utf-8?B?***?="),
        ('filename="2*3=6.jpg"', "2*3=6.jpg"),
        ('filename="a;b.jpg"', "a;b.jpg"),
        ("filename*=klingon''%41.jpg; filename=\"b.jpg\"", "b.jpg"),
        ("filename*=utf\0-8''%41.jpg; filename=\"b.jpg\"", "b.jpg"),
        ("filename*=hex''%41.jpg; filename=\"b.jpg\"", "b.jpg"),
        ("filename*=idna''xn--%ff.jpg; filename=\"b.jpg\"", "b.jpg"),
        ('filename*=utf-8; filename="b.jpg"', "b.jpg"),
    ],
)
def test_each_standard_encoding_gives_the_name(disposition: str, name: str) -> None:
    assert sent(disposition) == name


@pytest.mark.parametrize(
    "name",
    [
        "写真\u30001.jpg",  # an ideographic space
        "Screenshot 2026-11-29 at 9.41.00\u202fAM.png",  # macOS: a narrow space that does not break
        " leading and trailing ",
        "Käse 猫.png",
        "👩\u200d🚀.jpg",  # a joiner: without it, two pictures
        "x" * MAX_FILENAME,
    ],
)
def test_a_name_is_kept_as_it_was_sent(name: str) -> None:
    assert clean_filename(name) == name


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        (None, None),
        ("", None),
        ("\u3000", None),
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\cat.jpg", "cat.jpg"),
        ("a\r\nb\0.jpg", "ab.jpg"),
        ("a\u2028b\u2029.jpg", "ab.jpg"),
        ("gpj.\u202etac", "gpj.tac"),
        ("\u2066gpj\u2069.tac", "gpj.tac"),
        ("/", None),
        ("x" * 500, "x" * MAX_FILENAME),
    ],
)
def test_only_what_harms_a_display_is_left_out(name: str | None, clean: str | None) -> None:
    assert clean_filename(name) == clean


def test_names_that_differ_in_a_space_stay_different() -> None:
    assert clean_filename("写真\u30001.jpg") != clean_filename("写真1.jpg")


@given(st.text())
def test_any_filename_is_harmless(name: str) -> None:
    clean = clean_filename(name) or ""
    assert len(clean) <= MAX_FILENAME
    assert not set(clean) & set("/\\\u202e")
    assert not [c for c in clean if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]


@given(st.text())
def test_any_disposition_is_read_without_a_fault(value: str) -> None:
    line = value.replace("\r", "").replace("\n", "")
    reader = PartReader(b"x", 100)
    head = f"--x\r\nContent-Disposition: form-data; name=f; filename*={line}\r\n\r\n\r\n--x--\r\n"
    for part in reader.feed(head.encode("utf-8", "replace")):
        clean_filename(part.filename)
