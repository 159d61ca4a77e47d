"""``python -m scripts.checks.words [PATH ...]``: finds words that obscure a sentence."""

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

PLAIN = {
    r"alone": "only, by itself",
    r"anew": "again",
    r"at the most": "at most",
    r"be had": "be available",
    r"(?<!there )is none": "is not a …",
    r"likewise": "also, the same",
    r"makes way": "is closed, gives up its place",
    r"nobody": "no one, no client, nothing",
    r"says of itself": "reports",
    r"taken in": "accepted",
    r"whoever": "the client that, any program that",
}
KINDS = ["*.md", "*.*ml", "*.py", "*.js", "*.lua", "*.cfg", ".env.example", "*file"]
ANY = "|".join(f"({pattern})" for pattern in PLAIN)
WORD = re.compile(rf"(?<![\w-])(?:{ANY})(?![\w-]|\.\w)", re.IGNORECASE)
ALLOWED = re.compile(r"[`'\"|]alone[`'\"|]|\balone:|(?:let|leave|left) alone", re.IGNORECASE)
SCRIPT = re.compile(r"(?://|--|/?\*).*|\"[^\"\n]*\"|'[^'\n]*'|`[^`]*`")
TEXT = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line number and text of everything in a file that people read."""
    source = path.read_text()
    if path.suffix == ".py":
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        yield from ((t.start[0], t.string) for t in tokens if t.type in TEXT)
    elif path.suffix in {".js", ".lua"}:
        yield from ((source.count("\n", 0, m.start()) + 1, m[0]) for m in SCRIPT.finditer(source))
    else:
        yield 1, source


def main() -> int:
    """Print every place, and fail if there is one."""
    paths = sys.argv[1:] or [*KINDS, ":!*words.py"]
    listed = subprocess.run(["git", "ls-files", "--", *paths], capture_output=True, check=True)
    found = 0
    for path in map(Path, listed.stdout.decode().split()):
        for start, text in texts(path):
            for match in WORD.finditer(ALLOWED.sub(lambda m: "-" * len(m[0]), text)):
                line = start + text.count("\n", 0, match.start())
                plain = list(PLAIN.values())[(match.lastindex or 1) - 1]
                print(f"{path}:{line}: '{match[0]}': write {plain}")
                found += 1
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
