"""Absurd values of everything that a query or a field may set."""

from collections.abc import Iterator

from tests.hostile.exchange import FORM, NO_JOB, Exchange, part
from tests.hostile.jpegs import jpeg
from tests.hostile.odd import photo


def parameters() -> Iterator[Exchange]:
    """Of queries."""
    absurd = {
        "0": "0", "negative": "-1", "101": "101", "fraction": "2.5", "exponent": "1e1",
        "400-digits": "9" * 400, "nan": "NaN", "infinity": "inf", "nothing": "", "words": "all",
        "full-width": "\uff13", "hex": "0x3", "sql": "1' OR '1'='1", "nul": "3\0", "list": "[3]",
        "5000-digits": "1" * 5_000,
    }  # fmt: skip
    data = {"content": jpeg(photo())}
    for name, value in absurd.items():
        for parameter in ("top_k", "explain", "min_confidence"):
            exchange = f"{parameter.replace('_', '-')}-{name}"
            yield Exchange(exchange, "POST", "/predict", {**data, "params": {parameter: value}})
        for parameter, path in (
            ("offset", f"/jobs/{NO_JOB}"),
            ("limit", f"/jobs/{NO_JOB}"),
            ("format", f"/jobs/{NO_JOB}/results"),
            ("for", "/health/ready"),
        ):
            yield Exchange(f"{parameter}-{name}", "GET", path, {"params": {parameter: value}})
    queries = {
        "twice": "top_k=1&top_k=2", "unknown": "no_such=1", "brackets": "top_k[]=5",
        "equals-sign": "=", "ampersands": "&&&", "no-utf-8": "%ff=%ff", "5-KB": "a" * 5_000,
    }  # fmt: skip
    for name, query in queries.items():
        yield Exchange(f"query-{name}", "POST", f"/predict?{query}", data)


def keys() -> Iterator[Exchange]:
    """Of fields that name a batch, or a place in its events."""
    values: dict[str, list[str | bytes]] = {
        "empty": [""],
        "255": ["k" * 255],
        "256": ["k" * 256],
        "10-KB": ["k" * 10_000],
        "blank": ["a b"],
        "control": [b"a\x01b"],
        "no-ascii": ["\u00e9".encode("latin-1")],
        "redis": ["*:ic:job:*"],
        "twice": ["first", "second"],
    }
    body = part(b'name="files"; filename="a.jpg"', jpeg(photo())) + b"--x--\r\n"
    for name, given in values.items():
        headers = [*FORM.items(), *(("idempotency-key", value) for value in given)]
        yield Exchange(f"key-{name}", "POST", "/jobs", {"content": body, "headers": headers})
        headers = [("last-event-id", value) for value in given]
        yield Exchange(f"last-event-{name}", "GET", f"/jobs/{NO_JOB}/events", {"headers": headers})
