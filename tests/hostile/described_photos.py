"""What schemathesis sends for a photo of openapi.json: a real one. See SCHEMATHESIS_HOOKS."""

import base64
import io

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
