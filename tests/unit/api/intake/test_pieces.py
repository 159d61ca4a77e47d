"""The bytes of a file in pieces, and that a large photo is not copied on its way to the store."""

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.intake.body import MemoryBudget, MemoryLease, read_photo
from api.intake.multipart import PartReader
from api.intake.pieces import BLOCK_BYTES, Pieces
from shared.uploads import Piece
from tests.unit.api.intake.sending import LIMIT, request

SMALL = st.binary(max_size=100)
LARGE = st.integers(BLOCK_BYTES - 1, BLOCK_BYTES + 1).map(lambda size: b"x" * size)
PHOTO = b"\xff\xd8\xff" + bytes(2 * BLOCK_BYTES)


@given(st.lists(SMALL | LARGE | LARGE.map(bytearray) | SMALL.map(memoryview), max_size=10))
def test_pieces_are_together_what_was_added(added: list[bytes | bytearray | memoryview]) -> None:
    expected = b"".join(added)
    pieces = Pieces()
    for piece in added:
        pieces.add(piece)
    assert (pieces.join(), pieces.size, pieces.head) == (expected, len(expected), expected[:64])


@given(LARGE.map(bytearray))
def test_the_pieces_of_others_stay_as_they_are(piece: bytearray) -> None:
    before = bytes(piece)
    pieces = Pieces(piece)
    pieces.add(b"more")
    assert piece == before


def test_small_pieces_are_collected() -> None:
    pieces = Pieces()
    for _ in range(2 * BLOCK_BYTES):
        pieces.add(b"xy")
    assert len(pieces.blocks) == 4


def test_the_chunks_of_a_photo_are_stored_as_they_arrived() -> None:
    chunks = [PHOTO[:BLOCK_BYTES], PHOTO[BLOCK_BYTES:]]
    photo = asyncio.run(read_photo(request(chunks), LIMIT, MemoryLease(MemoryBudget())))
    assert [*map(id, photo.data.blocks)] == [*map(id, chunks)]


def test_the_chunks_of_a_form_are_not_copied_either() -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    chunks = [head + PHOTO, PHOTO, b"\r\n--b--\r\n"]
    form = request(chunks, "multipart/form-data; boundary=b")
    photo = asyncio.run(read_photo(form, LIMIT, MemoryLease(MemoryBudget())))
    assert photo.data.join() == PHOTO * 2
    assert [block.obj for block in photo.data.blocks if isinstance(block, memoryview)] == chunks[:2]


def test_a_photo_does_not_keep_the_chunk_of_which_it_is_a_small_part() -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    before = bytes(5 * len(PHOTO))  # of a part before it
    reader = PartReader(b"b", LIMIT)
    reader.feed(head + before + b"\r\n" + head + PHOTO)
    (photo,) = reader.feed(PHOTO + b"\r\n--b--\r\n")
    assert photo.data.join() == PHOTO * 2
    assert sum(len(_chunk_of(block)) for block in photo.data.blocks) < len(before)


def _chunk_of(block: Piece) -> Any:
    return block.obj if isinstance(block, memoryview) else block
