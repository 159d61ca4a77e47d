"""The report of a run, as Markdown: tables and sentences."""

from collections.abc import Callable

from benchmarks.harness.batch import Batch
from benchmarks.harness.contenders import OURS
from benchmarks.harness.generator import Loop
from benchmarks.tables import machine, table
from benchmarks.tables.results import Results, Sample


def main(results: Results) -> str:
    """The report without batches: machine, servers, limit, CPU time, memory."""
    return "\n\n".join(
        [
            machine.table(),
            table.servers(results, OURS),
            table.ratios(results, OURS),
            table.limits(results),
            table.processor_time(results, OURS),
            *(sentence for photos in results.photos() for sentence in shares(results, photos)),
            *totals(results),
        ]
    )


def shares(results: Results, photos: str) -> list[str]:
    """Sentences about one kind of photos: share of the limit, latency."""
    cases = results.photos()[photos]
    (_, least), (_, most) = cases[0], cases[-1]
    spent = results.median(OURS, cases[-1], lambda sample: sample.loop.generator_cores)
    reached = results.per_s(OURS, cases[-1]) / results.limit_per_s("auto", photos, spent)
    tail = results.median(OURS, cases[-1], lambda sample: sample.loop.p99_ms / sample.loop.p50_ms)
    busy = (
        f"{photos}, {most} connections: {reached:.0%} of the limit, less the load generator's "
        f"cores; p99 is {tail:.2f} x p50."
    )
    if least != 1:
        return [busy]
    lone = results.median(OURS, cases[0], lambda sample: sample.loop.p50_ms)
    engine = results.limit_ms("auto", photos, lambda limit: limit.lone_engine_ms)
    decoded = results.limit_ms("auto", photos, lambda limit: limit.lone_preprocessing_ms)
    alone = (
        f"{photos}, 1 connection: median {lone:.1f} ms, {lone - engine - decoded:.1f} ms "
        f"above raw preprocessing ({decoded:.1f} ms) and inference ({engine:.1f} ms)."
    )
    return [busy, alone]


def totals(results: Results) -> list[str]:
    """Sentences about memory and about CPU use outside the servers."""
    memory = ", ".join(f"{kind} {results.peak_mb(OURS, kind):.0f} MB" for kind in ("api", "worker"))
    generator = _most(results, lambda sample: sample.loop.generator_cores)
    foreign = _most(results, lambda sample: sample.foreign_cores)
    return [
        f"Peak memory: {memory}.",
        (
            f"The load generator used at most {generator:.3f} cores, other programs of this "
            f"machine {foreign:.2f}."
        ),
    ]


def batches(results: Results, batch: Batch, beside: Loop) -> str:
    """Sentences about a batch job and about `/predict` during a batch."""
    first = results.cases()[0]
    reached = batch.per_s / results.limit_per_s("auto", first[0], batch.client_cores)
    idle = results.median(OURS, first, lambda sample: sample.loop.p50_ms)
    return (
        f"A batch of {batch.photos}: {batch.per_s:.1f} photos/s, {reached:.0%} of the limit, "
        f"less the client's {batch.client_cores:.3f} cores.\n\n"
        f"`/predict` during a batch: p95 {beside.p95_ms:.0f} ms, which is "
        f"{beside.p95_ms / idle:.1f} x its idle median."
    )


def _most(results: Results, value: Callable[[Sample], float]) -> float:
    return max(value(sample) for samples in results.samples.values() for sample in samples)
