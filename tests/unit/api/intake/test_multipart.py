"""The form reader against every way that a body may be cut into chunks, and against noise."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.intake.multipart import Part, boundary_of, read_parts
from shared.errors import MalformedRequest

BOUNDARY = b"frontier"
LIMIT = 1_000


async def in_chunks(body: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    for start, end in pairwise(edges):
        yield body[start:end]


def read(body: bytes, cuts: list[int]) -> list[Part]:
    async def collect() -> list[Part]:
        chunks = in_chunks(body, cuts)
        found = read_parts(chunks, BOUNDARY, LIMIT)
        return [part async for parts in found for part in parts if part.complete]

    return asyncio.run(collect())


def form(parts: list[tuple[str, str | None, bytes]]) -> bytes:
    body = b""
    for name, filename, data in parts:
        head = f'--frontier\r\nContent-Disposition: form-data; name="{name}"'
        head += "" if filename is None else f'; filename="{filename}"'
        body += f"{head}\r\nContent-Type: image/jpeg\r\n\r\n".encode() + data + b"\r\n"
    return body + b"--frontier--\r\n"


# Data that looks like the boundary in every part but the whole.
tricky = st.lists(
    st.sampled_from([b"\r\n", b"--", b"frontie", b"frontier", b"\r", b"\n", b"-", b"x", b"\0"])
).map(b"".join)
data = tricky.filter(lambda found: b"\r\n--frontier" not in b"\r\n" + found + b"\r\n")
names = st.text("abcdefgh é", min_size=1)
parts = st.lists(st.tuples(names, st.none() | names, data), max_size=5)


@given(parts, st.lists(st.integers(0)))
def test_parts_are_complete_however_the_body_is_split(
    parts: list[tuple[str, str | None, bytes]], cuts: list[int]
) -> None:
    assert [(part.name, part.filename, part.data.join()) for part in read(form(parts), cuts)] == [
        *parts
    ]


@given(parts, st.lists(st.integers(0)), st.integers(1))
def test_a_form_that_is_cut_off_is_refused(
    parts: list[tuple[str, str | None, bytes]], cuts: list[int], missing: int
) -> None:
    whole = form(parts).removesuffix(b"--\r\n")
    with pytest.raises(MalformedRequest):
        read(whole[: len(whole) - missing % len(whole)], cuts)


noise = st.lists(
    st.sampled_from(
        [b"--frontier", b"\r\n", b"--", b":", b"Content-Disposition: ", b"form-data", b"; name=",
         b'"', b";", b"=", b"\\", b"\xff", b"filename*=utf-8''x", b" "]
    )
).map(b"".join)  # fmt: skip


@given(noise | st.binary(), st.lists(st.integers(0), max_size=3))
def test_random_bytes_are_parsed_or_refused(body: bytes, cuts: list[int]) -> None:
    with contextlib.suppress(MalformedRequest):
        read(b"--frontier\r\n" + body, cuts)


@given(st.lists(st.integers(0), max_size=3))
def test_only_line_breaks_may_stand_before_a_form_however_it_is_cut(cuts: list[int]) -> None:
    whole = form([("a", None, b"1")])
    for before in (b"rubbish\r\n", b"\r\nrubbish\r\n", b"\n-rubbish\r\n"):
        with pytest.raises(MalformedRequest):
            read(before + whole, cuts)
    assert [part.name for part in read(b"\r\n\r\n" + whole, cuts)] == ["a"]


@given(st.integers(0, 2_000), st.lists(st.integers(0), max_size=5))
def test_a_part_beyond_the_limit_is_dropped_and_its_neighbours_are_not(
    size: int, cuts: list[int]
) -> None:
    first, large, last = read(
        form([("a", None, b"1"), ("b", None, b"x" * size), ("c", None, b"3")]), cuts
    )
    assert (first.data.join(), last.data.join()) == (b"1", b"3")
    assert large.too_large is (size > LIMIT)
    assert large.data.size == (0 if size > LIMIT else size)


def test_a_large_part_is_known_before_it_ends() -> None:
    async def first_too_large() -> int:
        seen = 0

        async def chunks() -> AsyncIterator[bytes]:
            nonlocal seen
            yield form([("file", None, b"")])[: -len("\r\n--frontier--\r\n")]
            for seen in range(100):  # noqa: B007 - counted for the assertion
                yield b"x" * 100

        async for parts in read_parts(chunks(), BOUNDARY, LIMIT):
            if any(part.too_large for part in parts):
                return seen
        raise AssertionError

    assert asyncio.run(first_too_large()) == LIMIT // 100


@pytest.mark.parametrize("header", ["", "image/jpeg", "application/json", "multipart/mixed"])
def test_other_content_types_are_not_a_form(header: str) -> None:
    assert boundary_of(header) is None


def test_the_boundary_is_found_in_either_spelling() -> None:
    assert boundary_of("multipart/form-data; boundary=a") == b"a"
    assert boundary_of('Multipart/Form-Data; charset=utf-8; boundary="a b"') == b"a b"


@pytest.mark.parametrize("header", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_without_a_boundary_is_refused(header: str) -> None:
    with pytest.raises(MalformedRequest):
        boundary_of(header)


@given(st.text())
def test_any_content_type_is_understood_or_refused(header: str) -> None:
    latin = header.encode("latin-1", "replace").decode("latin-1")
    with contextlib.suppress(MalformedRequest):
        boundary_of("multipart/form-data" + latin)


def test_a_boundary_too_long_is_refused() -> None:
    async def use() -> None:
        async for _ in read_parts(in_chunks(b"x", []), b"b" * 10_000, LIMIT):
            pass

    with pytest.raises(MalformedRequest):
        asyncio.run(use())


FORM = form([("file", "cat.jpg", b"photo")])


@pytest.mark.parametrize(
    ("body", "expected"),
    {
        "line feeds": (FORM.replace(b"\r\n", b"\n"), "CR LF"),
        "another boundary": (FORM.replace(b"frontier", b"border"), "Let the HTTP client set"),
        "no dashes": (FORM.replace(b"--frontier", b"frontier"), "Let the HTTP client set"),
        "text before it": (b"This is a form\r\n" + FORM, "Let the HTTP client set"),
        "no form at all": (b"\xff\xd8\xff\xe0 a photo", "Let the HTTP client set"),
    }.values(),
)
@pytest.mark.parametrize("cuts", [[], [1], [3, 8], [11]])
def test_the_error_of_a_malformed_form_says_what_is_wrong(
    body: bytes, expected: str, cuts: list[int]
) -> None:
    with pytest.raises(MalformedRequest, match=expected):
        read(body, cuts)
