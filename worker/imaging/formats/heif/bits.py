"""Reads the numbers of a compressed picture's headers, which are not aligned to bytes."""

from shared.errors import InvalidImage
from worker.imaging.refusals import CANNOT_BE_DECODED


class Bits:
    """Reads numbers of a few bits, most significant first."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = data
        self._at = 0

    def __call__(self, count: int = 1) -> int:
        """The next number, of so many bits."""
        end = self._at + count
        if end > 8 * len(self._data):
            raise InvalidImage(CANNOT_BE_DECODED)
        value = int.from_bytes(self._data[self._at // 8 : -(-end // 8)], "big")
        self._at = end
        return value >> (-end % 8) & ((1 << count) - 1)

    def golomb(self) -> int:
        """The next number in the Exp-Golomb code of HEVC, at most 32 bits."""
        zeros = 0
        while not self():
            zeros += 1
            if zeros > 31:
                raise InvalidImage(CANNOT_BE_DECODED)
        return (1 << zeros) - 1 + self(zeros)
