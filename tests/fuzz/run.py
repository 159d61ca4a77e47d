"""``python -m tests.fuzz.run TARGET [libFuzzer options]``: atheris on one target.

The corpus grows in ``.fuzz/TARGET``; an input that a target does not stand lands beside it.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["PIL", "worker", "api", "python_multipart"]):
    from tests.fuzz.targets import TARGETS
from tests.fuzz.seeds import seeds

CORPUS = Path(__file__).resolve().parents[2] / ".fuzz"


def main() -> None:
    """Fuzz until a limit among the options, or a finding."""
    target, *options = sys.argv[1:]
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (folder / f"seed-{number}").write_bytes(seed)
    limits = ["-timeout=10", "-rss_limit_mb=2000", "-max_len=20000"]
    artifacts = f"-artifact_prefix={CORPUS}/{target}-"
    atheris.Setup([sys.argv[0], *limits, artifacts, *options, str(folder)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
