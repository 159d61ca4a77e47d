"""Reads the items of an AVIF or HEIC: where their data is, and their properties."""

from dataclasses import dataclass, field

from shared.errors import InvalidImage
from worker.imaging.formats.heif.boxes import MAX_BOXES, Fields, contents, too_many_boxes
from worker.imaging.refusals import CANNOT_BE_DECODED, ENDS_TOO_EARLY

# Encoders give an item three to six properties.
_MOST_ASSOCIATIONS = 10 * MAX_BOXES
# Longer than any property that is read; colour profiles and unknown ones may have megabytes.
_PROPERTY_BYTES = 4_096

# how an item says that its data is in the box ``idat``
_IN_META = 1
_ALPHAS = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")


@dataclass
class Item:
    """A picture or something else in the file: its type, its place and its properties.

    Attributes:
        kind: The type.
        extents: Where its data is.
        in_meta: Whether this is in the box ``idat``, not in the file.
        properties: Type and content of each property, in order.
    """

    kind: bytes = b""
    extents: list[slice] = field(default_factory=list)
    in_meta: bool = False
    properties: list[tuple[bytes, memoryview]] = field(default_factory=list)

    def property(self, kind: bytes, start: bytes = b"") -> bytes:
        """The content of the first property of this type, or empty bytes.

        Args:
            kind: The type.
            start: How the content begins; the others are passed over.
        """
        contents = (content for name, content in self.properties if name == kind)
        right = (each for each in contents if each[: len(start)] == start)
        return bytes(next(right, memoryview(b""))[:_PROPERTY_BYTES])


@dataclass(frozen=True)
class Items:
    """The items of a file by number, and which one is the picture to show.

    Attributes:
        items: The items.
        primary: The number of the picture.
        references: Type, source and target of each reference between items.
        data: The file.
        idat: The content of the box ``idat``.
    """

    items: dict[int, Item]
    primary: int
    references: list[tuple[bytes, int, int]]
    data: memoryview
    idat: memoryview

    def content(self, item: Item) -> memoryview:
        """The data of an item.

        Raises:
            InvalidImage: It is not wholly in the file, or in parts that overlap.
        """
        whole = self.idat if item.in_meta else self.data
        if any(extent.stop > len(whole) for extent in item.extents):
            raise InvalidImage(ENDS_TOO_EARLY)
        if sum(extent.stop - extent.start for extent in item.extents) > len(whole):
            raise InvalidImage(CANNOT_BE_DECODED)
        parts = [whole[extent] for extent in item.extents]
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))

    def alpha_of(self, number: int) -> int | None:
        """The number of the item that is a picture's alpha channel, or ``None``."""
        for kind, source, target in self.references:
            if kind == b"auxl" and target == number and source in self.items:
                name = self.items[source].property(b"auxC")[4:].split(b"\0")[0]
                if name in _ALPHAS:
                    return source
        return None


def read_items(data: bytes) -> Items:
    """Read the boxes of a file that begins like an AVIF or HEIC; the rest may be anything.

    Raises:
        InvalidImage: The file is shorter than it says, lacks a box that it must have, or has more
            boxes than any encoder writes.
    """
    view = memoryview(data)  # a copy for each level of boxes could be as large as the file
    meta = dict(reversed(contents(view))).get(b"meta", view[:0])
    boxes = dict(reversed(contents(meta[4:])))
    if not boxes.keys() >= {b"pitm", b"iinf", b"iloc", b"iprp"}:
        raise InvalidImage(CANNOT_BE_DECODED)
    items: dict[int, Item] = {}
    _read_types(boxes[b"iinf"], items)
    _read_places(Fields(boxes[b"iloc"]), items)
    _read_properties(boxes[b"iprp"], items)
    primary = Fields(boxes[b"pitm"])
    number = primary(4 if primary.version else 2)
    references = _references(boxes[b"iref"]) if b"iref" in boxes else []
    return Items(items, number, references, view, boxes.get(b"idat", view[:0]))


def _read_types(iinf: memoryview, items: dict[int, Item]) -> None:
    fields = Fields(iinf)
    fields(4 if fields.version else 2)
    for kind, content in fields.boxes():
        if kind == b"infe":
            entry = Fields(content)
            number = entry(4 if entry.version == 3 else 2)
            entry(2)
            items.setdefault(number, Item(entry.take(4)))


def _read_places(fields: Fields, items: dict[int, Item]) -> None:
    sizes = fields(2)
    offset_size, length_size, base_size, index_size = (sizes >> at & 15 for at in (12, 8, 4, 0))
    total = 0
    for _ in fields.turns(4 if fields.version == 2 else 2):
        number = fields(4 if fields.version == 2 else 2)
        elsewhere = fields(2) & 15 if fields.version else 0
        elsewhere |= fields(2) << 4  # in another file
        base = fields(base_size)
        extents: list[slice] = []
        for _ in fields.turns(2):
            fields(index_size if fields.version else 0)
            start = base + fields(offset_size)
            extents.append(slice(start, start + fields(length_size)))
        total += len(extents)
        if total > MAX_BOXES:
            raise too_many_boxes()
        if number in items and elsewhere in {0, _IN_META} and not items[number].extents:
            items[number].extents = extents
            items[number].in_meta = elsewhere == _IN_META


def _read_properties(iprp: memoryview, items: dict[int, Item]) -> None:
    boxes = contents(iprp)
    properties: list[tuple[bytes, memoryview]] = []
    for kind, content in boxes:
        properties += contents(content) if kind == b"ipco" else []
        if len(properties) > MAX_BOXES:
            raise too_many_boxes()
    left = _MOST_ASSOCIATIONS
    for kind, content in boxes:
        if kind != b"ipma":
            continue
        fields = Fields(content)
        width = 2 if fields.flags & 1 else 1
        for _ in fields.turns(4):
            item = items.get(fields(4 if fields.version else 2), Item())
            count = fields.turns(1)
            left -= 1 + len(count)
            if left < 0:
                raise too_many_boxes()
            for _ in count:
                at = fields(width) & (0x7FFF if width == 2 else 0x7F)  # the top bit: essential
                if 0 < at <= len(properties):
                    item.properties.append(properties[at - 1])


def _references(iref: memoryview) -> list[tuple[bytes, int, int]]:
    """Type, source and target of each reference between items."""
    fields = Fields(iref)
    width = 4 if fields.version else 2
    found = []
    for kind, content in fields.boxes():
        entry = Fields(content, full=False)
        source = entry(width)
        found += [(kind, source, entry(width)) for _ in entry.turns(2)]
        if len(found) > MAX_BOXES:
            raise too_many_boxes()
    return found
