"""Image sequences: the tracks of an animation that an AVIF or HEIC has beside its picture."""

from struct import pack

from tests.hostile.avifs import box


def sizes(count: int, *, listed: bool = True) -> bytes:
    """The sizes of so many samples, each with a number of its own, or only their count."""
    return box(b"stsz", pack(">III", 0, 0, count) + bytes(4 * count if listed else 0))


def compact_sizes(count: int) -> bytes:
    """The same in another form, with a byte for each."""
    return box(b"stz2", pack(">III", 0, 8, count) + bytes(count))


def track(samples: bytes, handler: bytes = b"pict") -> bytes:
    """A track with these sizes of samples, and with what it shows: pictures, alpha or sound."""
    kind = box(b"hdlr", pack(">II4s13x", 0, 0, handler))
    return box(b"trak", box(b"mdia", kind + box(b"minf", box(b"stbl", samples))))


def movie(*tracks: bytes) -> bytes:
    """The box with all tracks."""
    return box(b"moov", box(b"mvhd", bytes(100)) + b"".join(tracks))


def fragment(count: int) -> bytes:
    """A later part of a track, of so many samples; their sizes are the default of the track."""
    run = box(b"trun", pack(">II", 0, count))
    return box(b"moof", box(b"mfhd", bytes(8)) + box(b"traf", box(b"tfhd", bytes(8)) + run))


def with_movie_behind(data: bytes) -> bytes:
    """The same file with its tracks behind all data; whatever it says of places stays true."""
    at = data.index(b"moov") - 4
    length = int.from_bytes(data[at : at + 4], "big")
    moved = data[at : at + length]
    return data[:at] + moved[:4] + b"free" + moved[8:] + data[at + length :] + moved
