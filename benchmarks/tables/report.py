"""What a run found, in Markdown: tables, and the figures that the project promises."""

from collections.abc import Callable

from benchmarks.harness.batch import Batch
from benchmarks.harness.contenders import OURS
from benchmarks.harness.generator import Loop
from benchmarks.tables import machine, table
from benchmarks.tables.results import Results, Sample


def main(results: Results) -> str:
    """The machine, the servers, the limit, and where the processor time of ours goes."""
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
    """Sentences of one kind of photos; a machine's speed does not enter their ratios."""
    cases = results.photos()[photos]
    (_, least), (_, most) = cases[0], cases[-1]
    spent = results.median(OURS, cases[-1], lambda sample: sample.loop.generator_cores)
    reached = results.per_s(OURS, cases[-1]) / results.limit_per_s("auto", photos, spent)
    tail = results.median(OURS, cases[-1], lambda sample: sample.loop.p99_ms / sample.loop.p50_ms)
    busy = (
        f"{photos}, {most} connections: {reached:.0%} of the limit, the generator's cores "
        f"deducted; p99 is {tail:.2f} x p50."
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
    """Sentences on memory and on what else used the processors."""
    memory = ", ".join(f"{kind} {results.peak_mb(OURS, kind):.0f} MB" for kind in ("api", "worker"))
    generator = _most(results, lambda sample: sample.loop.generator_cores)
    foreign = _most(results, lambda sample: sample.foreign_cores)
    return [
        f"Peak memory: {memory}.",
        (
            f"The generator of requests took {generator:.3f} cores at most, other programs of this "
            f"machine {foreign:.2f}."
        ),
    ]


def batches(results: Results, batch: Batch, beside: Loop) -> str:
    """What a batch job reaches, and what it does to `/predict`."""
    first = results.cases()[0]
    reached = batch.per_s / results.limit_per_s("auto", first[0], batch.client_cores)
    idle = results.median(OURS, first, lambda sample: sample.loop.p50_ms)
    return (
        f"A batch of {batch.photos}: {batch.per_s:.1f} photos/s, {reached:.0%} of the limit, the "
        f"client's {batch.client_cores:.3f} cores deducted.\n\n"
        f"`/predict` beside a batch: p95 {beside.p95_ms:.0f} ms, which is "
        f"{beside.p95_ms / idle:.1f} x its idle median."
    )


def _most(results: Results, value: Callable[[Sample], float]) -> float:
    return max(value(sample) for samples in results.samples.values() for sample in samples)
