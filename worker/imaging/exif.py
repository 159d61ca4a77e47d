"""Reads the orientation from a photo's EXIF data; the rest does not change the pixels."""

import struct

EXIF_HEADER = b"Exif\0\0"

_ORIENTATION_TAG = 0x0112
_SHORT, _LONG = 3, 4
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


def read_orientation(exif: bytes | memoryview) -> int:
    """Find the orientation in the first directory of EXIF data.

    Pillow's reader copies the data that each entry of the directory points to: with 16 MB of EXIF
    in a PNG that can be a terabyte. This function reads only the entries themselves.

    Args:
        exif: TIFF data, with or without the six bytes of EXIF header; may be damaged.

    Returns:
        1 to 8; 1, which is upright, if there is no orientation or it cannot be read.
    """
    tiff = exif[len(EXIF_HEADER) :] if exif[: len(EXIF_HEADER)] == EXIF_HEADER else exif
    order = _BYTE_ORDERS.get(bytes(tiff[:4]))
    if order is None:
        return 1
    entry = struct.Struct(order + "HHI")
    try:
        (offset,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, offset)
        for at in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, values = entry.unpack_from(tiff, at)
            if tag == _ORIENTATION_TAG:
                if kind not in {_SHORT, _LONG} or values != 1:
                    return 1
                (value,) = struct.unpack_from(
                    order + ("H" if kind == _SHORT else "I"), tiff, at + 8
                )
                return value if 1 <= value <= 8 else 1
    except struct.error:  # the data ends before the directory does
        pass
    return 1
