"""``python -m scripts.concepts DATA_NOUN TIMM_WHEEL``: writes worker/models/imagenet_concepts.tsv.

The table has the WordNet id of each ImageNet class and the concepts above the classes. DATA_NOUN is
`/usr/share/wordnet/data.noun` of Debian's package `wordnet-base`; TIMM_WHEEL is the file that
`pip download --no-deps timm` stores. `--check` compares the table and writes nothing.

The concepts are those in `chosen.tsv`, each with the word that people use: WordNet's own levels are
uneven, and its first word is often a scientific one.
"""

import argparse
import sys
import zipfile
from pathlib import Path

from scripts.concepts.wordnet import ROOT, Hypernyms, ancestors, nearest, read_nouns

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "worker/models/imagenet_concepts.tsv"
SYNSETS = "timm/data/_info/imagenet_synsets.txt"
# WordNet's links that would give photos a name that no person gives them
OMITTED = {
    ("n07802026", "n07800740"): "hay as fodder, a food",
    ("n07565083", "n07560652"): "printed menus",
    ("n07871810", "n07683786"): "meat loaf, a loaf but no bread",
    ("n04023962", "n02778669"): "punching bags, few of them balls",
    ("n04336792", "n03678362"): "stretchers, a means of transport to WordNet",
    ("n03065424", "n04341686"): "coils of rope, a structure to WordNet",
    ("n03530642", "n03391770"): "honeycombs, a structure to WordNet",
    ("n03529860", "n04417809"): "living rooms with a screen, a building to WordNet",
    ("n04125853", "n02827606"): "seat belts, an accessory of clothing to WordNet",
}


def table(nouns: Hypernyms, classes: list[str], names: dict[str, str]) -> str:
    """The table as text.

    Raises:
        ValueError: A chosen concept is above fewer than two classes.
    """
    for child, parent in OMITTED:
        nouns[child].remove(parent)
    above = {wnid: ancestors(nouns, wnid) for wnid in classes}
    for wnid, name in names.items():
        if sum(wnid in chain for chain in above.values()) < 2:
            raise ValueError(f"{wnid} {name} is not above two classes of ImageNet")
    named = {ROOT, *names}
    lines = [f"{ROOT}\t\tentity"]
    parents = {wnid: " ".join(nearest(nouns, wnid, named)) for wnid in [*sorted(names), *classes]}
    lines += [f"{wnid}\t{parents[wnid]}\t{names[wnid]}" for wnid in sorted(names)]
    lines += [f"{wnid}\t{parents[wnid]}" for wnid in classes]
    return (HERE / "header.txt").read_text() + "\n".join(lines) + "\n"


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.concepts", description=__doc__)
    parser.add_argument("data_noun", type=Path)
    parser.add_argument("timm_wheel", type=Path)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    options = parser.parse_args()
    with zipfile.ZipFile(options.timm_wheel) as wheel:
        classes = wheel.read(SYNSETS).decode().split()
    rows = (HERE / "chosen.tsv").read_text().splitlines()
    names = dict(row.split("\t") for row in rows)
    text = table(read_nouns(options.data_noun), classes, names)
    if not options.check:
        TABLE.write_text(text)
    elif TABLE.read_text() != text:
        print(f"{TABLE} differs: run this command without --check", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
