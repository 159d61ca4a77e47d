"""Requests that no ordinary client makes, around a picture that is good."""

import base64
import gzip
import json
from collections.abc import Iterator
from urllib.parse import quote

from tests.hostile.exchange import FORM, NO_JOB, Exchange, part
from tests.hostile.jpegs import jpeg
from tests.hostile.odd import photo
from tests.hostile.parameters import keys, parameters


def exchanges() -> Iterator[Exchange]:
    """All of them."""
    yield from _forms()
    yield from _filenames()
    yield from _bodies()
    yield from parameters()
    yield from keys()
    yield from _fields()
    yield from _paths()


def _form(name: str, path: str, body: bytes, **headers: str) -> Exchange:
    return Exchange(f"form-{name}", "POST", path, {"content": body, "headers": {**FORM, **headers}})


def _forms() -> Iterator[Exchange]:
    data, end = jpeg(photo()), b"--x--\r\n"
    file, files = b'name="file"; filename="a.jpg"', b'name="files"; filename="a.jpg"'
    good = part(file, data) + end
    yield _form("20000-files", "/predict", part(file, b"1") * 20_000 + end)
    yield _form("20000-fields", "/predict", part(b'name="x"', b"1") * 20_000 + end)
    yield _form("20000-photos", "/jobs", part(files, b"1") * 20_000 + end)
    yield _form("1000-empty-photos", "/jobs", part(files, b"") * 1_000 + end)
    yield _form("file-twice", "/predict", part(file, data) * 2 + end)
    yield _form("name-twice", "/predict", part(b'name="file"; name="x"', data) + end)
    yield _form("no-name", "/predict", part(b'filename="a.jpg"', data) + end)
    yield _form("empty-name", "/predict", part(b'name=""', data) + end)
    yield _form("name-in-another-case", "/predict", part(b'name="FILE"', data) + end)
    yield _form("name-of-100-KB", "/jobs", part(b'name="' + b"n" * 100_000 + b'"', data) + end)
    long = b"--x\r\nX-Long: " + b"a" * 5_000_000 + b"\r\n" + good[5:]
    yield _form("part-header-of-5-MB", "/predict", long)
    many = b"--x\r\n" + b"X-Some: header\r\n" * 100_000 + good[5:]
    yield _form("100000-part-headers", "/predict", many)
    yield _form("no-end", "/predict", part(file, data))
    yield _form("end-at-once", "/predict", end)
    yield _form("rubbish-before", "/predict", b"preamble\r\n" + good)
    yield _form("rubbish-behind", "/predict", good + b"epilogue" * 1_000)
    yield _form("bare-line-feeds", "/predict", good.replace(b"\r\n", b"\n"))
    yield _form("boundary-not-there", "/predict", good.replace(b"--x", b"--y"))
    kind = "content-type"
    other = {
        "no-boundary": "multipart/form-data",
        "empty-boundary": "multipart/form-data; boundary=",
        "boundary-of-10-KB": f"multipart/form-data; boundary={'b' * 10_000}",
        "two-boundaries": "multipart/form-data; boundary=x; boundary=y",
        "mixed": "multipart/mixed; boundary=x",
        "url-encoded": "application/x-www-form-urlencoded",
        "no-type": "",
        "rubbish-type": ';;;"=/',
    }
    for name, value in other.items():
        yield _form(name, "/predict", good, **{kind: value})
    nested = b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n" + good[5:]
    yield _form("nested", "/predict", nested)
    coded = good.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1)
    yield _form("transfer-encoding", "/predict", coded)


def _filenames() -> Iterator[Exchange]:
    names = {
        "empty": b'filename=""',
        "path": b'filename="../../../etc/passwd"',
        "windows-path": b'filename="C:\\\\windows\\\\system32\\\\a.jpg"',
        "absolute": b'filename="/dev/null"',
        "dots": b'filename=".."',
        "nul": b'filename="a.jpg\0.exe"',
        "control": b'filename="a\x01\x1b[31m\x7fb.jpg"',
        "right-to-left": 'filename="a\u202egpj.exe"'.encode(),
        "10-KB": b'filename="' + b"a" * 10_000 + b'.jpg"',
        "no-utf-8": b'filename="\xff\xfe\xc3.jpg"',
        "surrogate": b'filename="\xed\xa0\x80.jpg"',
        "emoji": 'filename="\N{CAT FACE}\u200d\N{CAMERA}.jpg"'.encode(),
        "script": b'filename="<img src=x onerror=alert(1)>.jpg"',
        "formula": b'filename="=cmd|calc!A1.jpg"',
        "quotes": b'filename="a\\"b\'c.jpg"',
        "unquoted": b"filename=a b.jpg",
        "not-closed": b'filename="a.jpg',
        "twice": b'filename="a.jpg"; filename="b.jpg"',
        "extended": b"filename*=UTF-8''%e2%82%ac%00%0d%0a.jpg",
        "extended-rubbish": b"filename*=nonsense'%zz",
        "extended-charset": b"filename*=no-such-charset''%e2%82%ac.jpg",
        "spaces": b'filename="   "',
    }
    for name, value in names.items():
        body = part(b'name="file"; ' + value, jpeg(photo())) + b"--x--\r\n"
        yield Exchange(f"filename-{name}", "POST", "/predict", {"content": body, "headers": FORM})
        body = body.replace(b'name="file"', b'name="files"', 1)
        yield Exchange(
            f"batch-filename-{name}", "POST", "/jobs", {"content": body, "headers": FORM}
        )


def _bodies() -> Iterator[Exchange]:
    data = jpeg(photo())
    coded = base64.b64encode(data).decode()
    good = json.dumps({"image": coded})
    bodies: dict[str, str | bytes] = {
        "empty": b"",
        "white-space": b" \r\n\t" * 100,
        "raw": data,
        "gzipped": gzip.compress(data),
        "21-MB": data + bytes(22_000_000),
        "json": good,
        "json-data-uri": json.dumps({"image": f"data:image/png;base64,{coded}"}),
        "json-lines": json.dumps({"image": "\r\n".join([coded[:100], coded[100:]])}),
        "json-more-fields": json.dumps({"image": coded, "__proto__": {}, "url": "file:///etc"}),
        "json-twice": '{"image": "", ' + good[1:],
        "json-url": json.dumps({"image": "http://127.0.0.1:6379/"}),
        "json-file": json.dumps({"image": "file:///etc/passwd"}),
        "json-data-text": json.dumps({"image": "data:text/html,<script>"}),
        "json-url-safe": json.dumps({"image": "_-_-"}),
        "json-unpadded": json.dumps({"image": "abcde"}),
        "json-null": '{"image": null}',
        "json-list": '{"image": []}',
        "json-number": '{"image": 1e999}',
        "json-nan": '{"image": NaN}',
        "json-surrogate": '{"image": "\\ud800"}',
        "json-deep": '{"image": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "json-wide": json.dumps({str(number): number for number in range(100_000)}),
        "json-long-number": '{"image": ' + "9" * 100_000 + "}",
        "json-cut": good[:-20],
        "json-utf-16": good.encode("utf-16"),
        "json-with-mark": b"\xef\xbb\xbf" + good.encode(),
        "json-list-of-photos": f"[{good}]",
        "json-uri-escaped": json.dumps(
            {"image": f"data:image/jpeg;base64,{quote(coded, safe='')}"}
        ),
        "json-numbers-26-MB": good[:-1] + ', "x": [' + "0," * 13_000_000 + "0]}",
        "json-escapes-26-MB": '{"image": "data:;base64,' + "%41" * 8_600_000 + '"}',
        "json-white-space-26-MB": '{"image": "' + "QQ " * 8_600_000 + '"}',
        "xml": '<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    }
    for name, content in bodies.items():
        yield Exchange(f"body-{name}", "POST", "/predict", {"content": content})
    yield Exchange("body-batch-raw", "POST", "/jobs", {"content": data})
    yield Exchange("body-batch-empty", "POST", "/jobs", {"content": b"", "headers": FORM})


def _fields() -> Iterator[Exchange]:
    data = jpeg(photo())
    fields: dict[str, list[tuple[str, str | bytes]]] = {
        "prefer-negative": [("prefer", "wait=-1")],
        "prefer-400-digits": [("prefer", f"wait={'9' * 400}")],
        "prefer-fraction": [("prefer", "wait=0.5")],
        "prefer-quotes": [("prefer", '"' * 5_000)],
        "prefer-commas": [("prefer", "," * 5_000)],
        "prefer-twice": [("prefer", "wait=20"), ("prefer", "wait=30")],
        "prefer-superscript": [("prefer", "wait=\u00b2".encode("latin-1"))],
        "request-id-rubbish": [("x-request-id", b"\xff<script>")],
        "request-id-10-KB": [("x-request-id", "a" * 10_000)],
        "type-twice": [("content-type", "text/plain"), ("content-type", "image/png")],
        "type-lies": [("content-type", "text/html")],
        "content-encoding": [("content-encoding", "gzip")],
        "host-other": [("host", "evil.example")],
        "host-rubbish": [("host", "<>\\^`{|}")],
        "forwarded": [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-proto", "gopher")],
        "range": [("range", "bytes=0-1,5-4,-99999999999999999999")],
        "cookies": [("cookie", "a=b;" * 1_000)],
        "accept-nothing": [("accept", "no/thing"), ("accept-encoding", "*;q=0")],
        "authorization": [("authorization", b"Bearer \xff\xfe"), ("x-api-key", b"\xff")],
    }
    for name, headers in fields.items():
        yield Exchange(f"field-{name}", "POST", "/predict", {"content": data, "headers": headers})


def _paths() -> Iterator[Exchange]:
    ids = {
        "unknown": NO_JOB,
        "short": "0" * 31,
        "upper-case": "A" * 32,
        "8-KB": "a" * 8_000,
        "traversal": "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "nul": "%00",
        "no-utf-8": "%ff",
        "glob": "*",
        "redis": "%0d%0aFLUSHALL%0d%0a",
        "lua": "'..redis.call('flushall')..'",
    }
    for name, job_id in ids.items():
        yield Exchange(f"job-{name}", "GET", f"/jobs/{job_id}", {})
        yield Exchange(f"cancel-{name}", "DELETE", f"/jobs/{job_id}", {})
        yield Exchange(f"results-{name}", "GET", f"/jobs/{job_id}/results", {})
        yield Exchange(f"events-{name}", "GET", f"/jobs/{job_id}/events", {})
    paths = {
        "unknown": "/no/such/path",
        "php": "/index.php",
        "slashes": "//////etc/passwd",
        "static-traversal": "/static/%2e%2e/main.py",
        "static-backslash": "/static/..%5cmain.py",
        "static-double-coded": "/static/%252e%252e/main.py",
        "static-absolute": "/static//etc/passwd",
        "static-folder": "/static/",
        "static-nul": "/static/%00",
        "static-8-KB": "/static/" + "a" * 8_000,
        "static-bad-range": "/static/page/app.js",
        "swagger-traversal": "/swagger-ui/..%2f..%2fpyproject.toml",
        "env": "/.env",
        "predict-slash": "/predict/",
        "job-slash": f"/jobs/{NO_JOB}/",
        "slashes-behind": "/health//",
    }
    for name, path in paths.items():
        options = {"headers": {"range": "bytes=99999999-"}} if name == "static-bad-range" else {}
        yield Exchange(f"path-{name}", "GET", path, options)
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"):
        yield Exchange(f"method-predict-{method}", method, "/predict", {})
    for path in ("/", "/health", "/jobs", f"/jobs/{NO_JOB}", "/model", "/metrics", "/docs"):
        yield Exchange(f"method-patch-{path[1:5] or 'root'}{len(path)}", "PATCH", path, {})
