"""The bytes of a file, in the pieces in which they arrived."""

from shared.uploads import Piece

# How many first bytes decide what a file contains.
HEAD_BYTES = 64
BLOCK_BYTES = 32_768


class Pieces:
    """Bytes that are stored as they arrived: to join a large photo takes as long as to receive it.

    Small pieces are collected in blocks. Else each would be an object of its own, and pieces of two
    bytes would take twenty times their size.

    Attributes:
        size: Number of bytes.
        blocks: All bytes, in order.
    """

    def __init__(self, data: Piece = b"") -> None:
        self.size = 0
        self.blocks: list[Piece] = []
        self.add(data)

    def add(self, piece: Piece) -> None:
        """Append a piece, which must not change afterwards."""
        self.size += len(piece)
        if len(piece) >= BLOCK_BYTES:
            self.blocks.append(piece)
            return
        last = self.blocks[-1] if self.blocks else None
        if isinstance(last, bytearray) and len(last) < BLOCK_BYTES:
            last += piece
        elif piece:
            self.blocks.append(bytearray(piece))

    def settle(self) -> None:
        """Copy the last block if it is a small part of a chunk, which it would keep in memory."""
        if self.blocks and isinstance(last := self.blocks[-1], memoryview):
            chunk = last.obj
            if isinstance(chunk, bytes) and 2 * len(last) < len(chunk):
                self.blocks[-1] = bytes(last)

    @property
    def head(self) -> bytes:
        """The first 64 bytes, or all if there are less."""
        head = b""
        for block in self.blocks:
            head += bytes(block[: HEAD_BYTES - len(head)])
            if len(head) == HEAD_BYTES:
                break
        return head

    def join(self) -> bytes:
        """A copy of all bytes."""
        return b"".join(self.blocks)
