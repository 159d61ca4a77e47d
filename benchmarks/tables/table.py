"""The tables of a run, as Markdown."""

from collections.abc import Sequence

from benchmarks.tables.results import Case, Results, Sample

Row = Sequence[object]


def markdown(head: Row, rows: Sequence[Row]) -> str:
    """A Markdown table; columns whose first cell is a number are aligned right."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [head, *rows]]
    first = rows[0] if rows else head
    rule = "|" + "|".join("---" if not number else "---:" for number in map(_is_number, first))
    return "\n".join([lines[0], rule + "|", *lines[1:]])


def _is_number(cell: object) -> bool:
    return str(cell)[:1].isdigit()


def servers(results: Results, ours: str) -> str:
    """A row per case and server: throughput, latency, errors, memory, and ours ÷ this server."""
    rows = []
    for case in results.cases():
        for name in results.names():

            def ms(attribute: str, *, at: tuple[str, Case] = (name, case)) -> str:
                return f"{results.median(*at, lambda s: getattr(s.loop, attribute)):.0f}"

            rows.append(
                [
                    name,
                    *case,
                    f"{results.per_s(name, case):.1f}",
                    *(ms(attribute) for attribute in ("p50_ms", "p95_ms", "p99_ms")),
                    results.errors(name, case),
                    f"{results.peak_mb(name):.0f}",
                    f"{results.ratio(ours, name, case):.2f}",
                ]
            )
    head = ["server", "photos", "connections", "requests/s", "p50 ms", "p95 ms", "p99 ms", "errors"]
    return markdown([*head, "peak MB", "ours ÷ this"], rows)


def ratios(results: Results, ours: str) -> str:
    """A row per other server, a column per case: requests/s of ours ÷ those of the server."""
    cases = results.cases()
    rows = [
        [name, *(f"{results.ratio(ours, name, case):.2f}" for case in cases)]
        for name in results.names()
        if name != ours
    ]
    return markdown([f"requests/s of {ours} ÷ those of", *(f"{a}, {n}" for a, n in cases)], rows)


def limits(results: Results) -> str:
    """A row per precision and kind of photos: engine and preprocessing by themselves."""
    rows = []
    for (name, photos), measured in results.limits.items():
        setting, at = measured[0].setting, (name, photos)
        rows.append(
            [
                f"{name} ({measured[0].precision})",
                photos,
                f"{setting.streams} x {setting.batch}",
                f"{results.limit_ms(*at, lambda x: x.engine_core_ms):.1f}",
                f"{results.limit_ms(*at, lambda x: x.preprocessing_core_ms):.2f}",
                f"{results.limit_ms(*at, lambda x: x.engine_per_s):.1f}",
                f"{results.limit_per_s(*at):.1f}",
                f"{results.limit_ms(*at, lambda x: x.lone_engine_ms):.1f}",
                f"{results.limit_ms(*at, lambda x: x.lone_preprocessing_ms):.1f}",
            ]
        )
    head = ["precision", "photos", "streams x batch", "engine core-ms", "preprocessing core-ms"]
    alone = ["engine ms, 1 photo", "preprocessing ms, 1 photo"]
    return markdown([*head, "engine photos/s", "limit photos/s", *alone], rows)


def processor_time(results: Results, name: str) -> str:
    """Core-ms per request of a server by kind of process, with the most connections."""
    cases = [cases[-1] for cases in results.photos().values()]
    kinds = sorted(
        {kind for case in cases for sample in results.samples[name, case] for kind in sample.cpu_ms}
    )

    def used(kind: str, case: Case) -> str:
        return f"{results.median(name, case, lambda sample: sample.cpu_ms.get(kind, 0)):.2f}"

    def generator_ms(sample: Sample) -> float:
        return 1000 * sample.loop.generator_cores / sample.loop.per_s

    rows = [[kind, *(used(kind, case) for case in cases)] for kind in kinds]
    generator = [f"{results.median(name, case, generator_ms):.2f}" for case in cases]
    titles = [f"{photos}, {connections} connections" for photos, connections in cases]
    return markdown(["core-ms per request", *titles], [*rows, ["load generator", *generator]])
