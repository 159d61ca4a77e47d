"""What schemathesis sends for a photo of openapi.json: a real one. See SCHEMATHESIS_HOOKS."""

import base64
import io
from typing import Any

import schemathesis
from hypothesis import strategies as st
from PIL import Image


def _photo(kind: str) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((32, 24)).save(file, kind)
    return file.getvalue()


_PHOTOS = {"image/jpeg": _photo("JPEG"), "image/png": _photo("PNG")}

for _kind, _data in _PHOTOS.items():
    schemathesis.openapi.media_type(_kind, st.just(_data))
schemathesis.openapi.format("binary", st.sampled_from(sorted(_PHOTOS.values())))
schemathesis.openapi.format(
    "byte", st.sampled_from([base64.b64encode(data).decode() for data in _PHOTOS.values()])
)


@schemathesis.hook
def filter_case(_: Any, case: schemathesis.Case) -> bool:
    """Leave out forms that are only meant to be wrong: in a form every value is text.

    A field that comes once may be a list of one, so that a number or an object in the place of a
    list of photos is on the wire a photo, a bad one, which fails on its own.
    """
    if not case.meta or not case.meta.generation.mode.is_negative:
        return True
    if not isinstance(case.body, dict) or "files" not in case.body:
        return True
    files = case.body["files"]
    return isinstance(files, list) and all(isinstance(file, bytes | str) for file in files)
