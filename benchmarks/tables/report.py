"""What a run found, in Markdown: tables, and the figures that the project promises."""

from collections.abc import Callable

from benchmarks.harness.batch import Batch
from benchmarks.harness.contenders import OURS
from benchmarks.harness.generator import Loop
from benchmarks.tables import table
from benchmarks.tables.results import Results, Sample


def main(results: Results) -> str:
    """The servers, the limit, and where the processor time of ours goes."""
    most = results.connections()[-1]
    time_title = f"Processor time of a request to {OURS}, at {most} connections:"
    return "\n\n".join(
        [
            table.servers(results, OURS),
            table.limits(results),
            time_title,
            table.processor_time(results, OURS, most),
            *ratios(results),
        ]
    )


def ratios(results: Results) -> list[str]:
    """A sentence for each figure that a machine's speed does not enter."""
    least, *_, most = results.connections()
    spent = results.median(OURS, most, lambda sample: sample.loop.generator_cores)
    reached = results.per_s(OURS, most) / results.limit_per_s("auto", spent)
    lone = results.median(OURS, least, lambda sample: sample.loop.p50_ms)
    engine = results.limit_ms("auto", lambda limit: limit.lone_engine_ms)
    preprocessing = results.limit_ms("auto", lambda limit: limit.lone_preprocessing_ms)
    tail = results.median(OURS, most, lambda sample: sample.loop.p99_ms / sample.loop.p50_ms)
    memory = ", ".join(f"{kind} {results.peak_mb(OURS, kind):.0f} MB" for kind in ("api", "worker"))
    over = lone - engine - preprocessing
    generator = _most(results, lambda sample: sample.loop.generator_cores)
    foreign = _most(results, lambda sample: sample.foreign_cores)
    return [
        (
            f"{most} connections: {reached:.0%} of the limit, the generator's cores deducted; "
            f"p99 is {tail:.2f} x p50."
        ),
        (
            f"{least} connection: median {lone:.1f} ms, {over:.1f} ms above raw preprocessing "
            f"({preprocessing:.1f} ms) and inference ({engine:.1f} ms)."
        ),
        f"Peak memory: {memory}.",
        (
            f"The generator of requests took {generator:.3f} cores at most, other programs of this "
            f"machine {foreign:.2f}."
        ),
    ]


def batches(results: Results, batch: Batch, beside: Loop) -> str:
    """What a batch job reaches, and what it does to `/predict`."""
    reached = batch.per_s / results.limit_per_s("auto", batch.client_cores)
    idle = results.median(OURS, results.connections()[0], lambda sample: sample.loop.p50_ms)
    return (
        f"A batch of {batch.photos}: {batch.per_s:.1f} photos/s, {reached:.0%} of the limit, the "
        f"client's {batch.client_cores:.3f} cores deducted.\n\n"
        f"`/predict` beside a batch: p95 {beside.p95_ms:.0f} ms, which is "
        f"{beside.p95_ms / idle:.1f} x its idle median."
    )


def _most(results: Results, value: Callable[[Sample], float]) -> float:
    return max(value(sample) for samples in results.samples.values() for sample in samples)
