"""Reads WordNet's nouns: each synset's hypernyms, by the id that ImageNet uses (WNID)."""

from collections.abc import Iterator
from pathlib import Path

ROOT = "n00001740"  # entity
# "@" is a hypernym, "@i" the class of an instance
_HYPERNYM = {"@", "@i"}

Hypernyms = dict[str, set[str]]


def read_nouns(file: Path) -> Hypernyms:
    """The hypernyms of each synset in WordNet's `data.noun` (its format: `man 5 wndb`).

    Raises:
        ValueError: The file is not WordNet 3.0's, whose offsets are ImageNet's ids.
    """
    nouns: Hypernyms = {}
    for line in file.read_text(encoding="ascii").splitlines():
        if line.startswith(" "):  # the licence
            continue
        fields = line.partition("|")[0].split()
        pointers = 4 + 2 * int(fields[3], 16)
        count = int(fields[pointers])
        starts = range(pointers + 1, pointers + 1 + 4 * count, 4)
        nouns["n" + fields[0]] = {"n" + fields[at + 1] for at in starts if fields[at] in _HYPERNYM}
    if nouns.get(ROOT) != set() or "n02121808" not in nouns:
        raise ValueError(f"{file} is not data.noun of WordNet 3.0")
    return nouns


def ancestors(nouns: Hypernyms, wnid: str) -> set[str]:
    """All hypernyms of a synset, without the synset itself."""
    found: set[str] = set()
    waiting = list(nouns[wnid])
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting += nouns[one]
    return found


def nearest(nouns: Hypernyms, wnid: str, named: set[str]) -> Iterator[str]:
    """The most specific ancestors with a name, in the order of their ids."""
    above = ancestors(nouns, wnid) & named
    covered = {higher for one in above for higher in ancestors(nouns, one)}
    yield from sorted(above - covered)
