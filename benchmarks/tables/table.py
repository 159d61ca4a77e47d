"""Results as Markdown."""

from collections.abc import Sequence

from benchmarks.tables.results import Results, Sample

Row = Sequence[object]


def markdown(head: Row, rows: Sequence[Row]) -> str:
    """A table; numbers are aligned right."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [head, *rows]]
    first = rows[0] if rows else head
    rule = "|" + "|".join("---" if not number else "---:" for number in map(_is_number, first))
    return "\n".join([lines[0], rule + "|", *lines[1:]])


def _is_number(cell: object) -> bool:
    return str(cell)[:1].isdigit()


def servers(results: Results, ours: str) -> str:
    """One row for each server and number of connections; the ratio is ours to theirs."""
    rows = []
    for connections in results.connections():
        for name in results.names():
            if (name, connections) not in results.samples:
                continue

            def ms(attribute: str, *, at: tuple[str, int] = (name, connections)) -> str:
                return f"{results.median(*at, lambda s: getattr(s.loop, attribute)):.0f}"

            per_s = results.per_s(name, connections)
            ratio = results.per_s(ours, connections) / per_s if per_s else float("inf")
            rows.append(
                [
                    name,
                    connections,
                    f"{per_s:.1f}",
                    *(ms(attribute) for attribute in ("p50_ms", "p95_ms", "p99_ms")),
                    results.errors(name, connections),
                    f"{results.peak_mb(name):.0f}",
                    f"{ratio:.2f}",
                ]
            )
    head = ["server", "connections", "requests/s", "p50 ms", "p95 ms", "p99 ms", "errors"]
    return markdown([*head, "peak MB", "ours ÷ it"], rows)


def limits(results: Results) -> str:
    """What the engine and the preprocessing cost by themselves, for each precision."""
    rows = []
    for name, measured in results.limits.items():
        setting = measured[0].setting
        rows.append(
            [
                f"{name} ({measured[0].precision})",
                f"{setting.streams} x {setting.batch}",
                f"{results.limit_ms(name, lambda x: x.engine_core_ms):.1f}",
                f"{results.limit_ms(name, lambda x: x.preprocessing_core_ms):.2f}",
                f"{results.limit_ms(name, lambda x: x.engine_per_s):.1f}",
                f"{results.limit_per_s(name):.1f}",
                f"{results.limit_ms(name, lambda x: x.lone_engine_ms):.1f}",
                f"{results.limit_ms(name, lambda x: x.lone_preprocessing_ms):.1f}",
            ]
        )
    head = ["precision", "streams x batch", "engine core-ms", "preprocessing core-ms"]
    alone = ["lone engine ms", "lone preprocessing ms"]
    return markdown([*head, "engine photos/s", "limit photos/s", *alone], rows)


def processor_time(results: Results, name: str, connections: int) -> str:
    """Where a server's processor time goes, by kind of process."""
    samples = results.samples[name, connections]
    kinds = sorted({kind for sample in samples for kind in sample.cpu_ms})

    def used(kind: str) -> float:
        return results.median(name, connections, lambda sample: sample.cpu_ms.get(kind, 0))

    rows = [[kind, f"{used(kind):.2f}"] for kind in kinds]

    def generator_ms(sample: Sample) -> float:
        return 1000 * sample.loop.generator_cores / sample.loop.per_s

    rows.append(["the generator", f"{results.median(name, connections, generator_ms):.2f}"])
    return markdown(["process", "core-ms a request"], rows)
