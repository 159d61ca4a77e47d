"""Chooses the engine of a peer."""

import os

from benchmarks.peers.answer import Engine


def load_engine(*, several: bool) -> Engine:
    """The engine that ``PEER_ENGINE`` names: ``torch`` or ``ours``.

    Args:
        several: Whether the server calls it with several photos; our engine is compiled for that.
    """
    if os.environ["PEER_ENGINE"] == "torch":
        from benchmarks.peers.torch_engine import TorchEngine  # noqa: PLC0415 - one of the two

        return TorchEngine()
    from benchmarks.peers.our_engine import OurEngine  # noqa: PLC0415 - as above

    return OurEngine(several=several)
