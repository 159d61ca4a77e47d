"""No JSON body takes many times its own size, whatever it holds."""

import subprocess
import sys

import pytest

# The longest that is read where a photo may have 20 MiB.
BODY = 26_000_000
# Its text, its bytes, and what base64 makes of it.
TIMES = 5
# Each is filled with as many repetitions as make up a body.
WORST = {
    "a photo": ('{"image": "', "QUJD", '"}'),
    "numbers in place of the photo": ('{"image": [', "0,", "0]}"),
    "numbers beside it": ('{"image": "", "x": [', "0,", "0]}"),
    "lists": ('{"image": "", "x": [', "[],", "[]]}"),
    "objects": ('{"image": "", "x": [', "{},", "{}]}"),
    "fields": ("{", '"x": 1,', '"x": 1}'),
    "escapes of a URI": ('{"image": "data:;base64,', "%41", '"}'),
    "white space": ('{"image": "', "QU ", '"}'),
    "escapes of JSON": ('{"image": "', "\\u0041", '"}'),
    "digits": ('{"image": ', "9", "}"),
}
# A process of its own, because its peak is what is tested.
READ = """
import contextlib, psutil, sys
from api.intake.json_body import decode_json
from shared.errors import MalformedRequest
head, piece, tail, size = sys.argv[1:]
body = bytearray(piece.encode() * (int(size) // len(piece)))
body[:0], body[len(body):] = head.encode(), tail.encode()
before = psutil.Process().memory_info().rss
with contextlib.suppress(MalformedRequest):
    decode_json(body)
# of this program: getrusage tells the peak of the process that it was forked from as well
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(peak * 1024 - before)
"""


@pytest.mark.parametrize("parts", WORST.values(), ids=WORST)
def test_json_takes_no_more_than_a_few_times_its_size(parts: tuple[str, str, str]) -> None:
    run = [sys.executable, "-c", READ, *parts, str(BODY)]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert float(done.stdout) < TIMES * BODY
