"""Writes a file with only those items that the decoder needs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from struct import pack

Part = bytes | memoryview


@dataclass(frozen=True)
class NewItem:
    """An item to write.

    Attributes:
        kind: Its type, such as ``av01``.
        parts: Its data; they are joined only once, in the file.
        properties: Its properties, each a whole box.
        references: Types of references, each with the numbers of the items it refers to.
        hidden: Whether it is only a part of another picture.
    """

    kind: bytes
    parts: tuple[Part, ...]
    properties: tuple[bytes, ...]
    references: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    hidden: bool = False

    def referring(self, kind: bytes, targets: tuple[int, ...]) -> "NewItem":
        """The same item with one more reference."""
        return replace(self, references=(*self.references, (kind, targets)))


def write_file(brands: bytes, items: list[NewItem]) -> bytes:
    """A file with these items.

    Args:
        brands: The brands that the file is compatible with; the main one is the first.
        items: Numbered from 1; the first is the picture to show.
    """
    properties = list(dict.fromkeys(each for item in items for each in item.properties))
    numbers = {each: number for number, each in enumerate(properties, 1)}
    entries, associations, references = b"", b"", b""
    for number, item in enumerate(items, 1):
        entries += full_box(b"infe", pack(">HH4sx", number, 0, item.kind), 2, int(item.hidden))
        associations += pack(">HB", number, len(item.properties))
        associations += b"".join(pack(">H", numbers[each]) for each in item.properties)
        for kind, targets in item.references:
            references += box(kind, pack(f">HH{len(targets)}H", number, len(targets), *targets))
    ahead = [
        full_box(b"hdlr", pack(">4x4s13x", b"pict")),
        full_box(b"pitm", pack(">H", 1)),
        full_box(b"iinf", pack(">H", len(items)) + entries),
        *([full_box(b"iref", references)] if references else []),
        box(
            b"iprp",
            box(b"ipco", b"".join(properties))
            + full_box(b"ipma", pack(">I", len(items)) + associations, flags=1),
        ),
    ]
    start = box(b"ftyp", brands[:4] + bytes(4) + brands)
    # the last box has the offsets, 14 bytes for each item
    length = 8 + 4 + sum(map(len, ahead)) + 12 + 4 + 14 * len(items)
    offset = len(start) + length + 8
    places = b""
    lengths = [sum(map(len, item.parts)) for item in items]
    for number, size in enumerate(lengths, 1):
        places += pack(">HHHII", number, 0, 1, offset, size)
        offset += size
    iloc = full_box(b"iloc", pack(">HH", 0x4400, len(items)) + places)
    meta = full_box(b"meta", b"".join(ahead) + iloc)
    mdat = pack(">I4s", 8 + sum(lengths), b"mdat")
    return b"".join([start, meta, mdat, *_all_parts(items)])


def _all_parts(items: list[NewItem]) -> Iterable[Part]:
    return (part for item in items for part in item.parts)


def box(kind: bytes, content: bytes) -> bytes:
    """A box."""
    return pack(">I4s", 8 + len(content), kind) + content


def full_box(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with a version and flags."""
    return box(kind, bytes([version, 0, 0, flags]) + content)


ALPHA = full_box(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
"""The property of an item that is an alpha channel."""
