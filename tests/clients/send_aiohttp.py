"""[--plain-names] URL FIELD FILE…: a form by ``aiohttp``; prints the body, then the status."""

import asyncio
import sys
from pathlib import Path

import aiohttp

plain = sys.argv[1] == "--plain-names"
url, field, *paths = sys.argv[1 + plain :]


async def send(photos: list[tuple[str, bytes]]) -> None:
    form = aiohttp.FormData(quote_fields=not plain)
    for name, data in photos:
        form.add_field(field, data, filename=name)
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        sys.stdout.write(f"{await answer.text()}\n{answer.status}\n")


asyncio.run(send([(Path(path).name, Path(path).read_bytes()) for path in paths]))
