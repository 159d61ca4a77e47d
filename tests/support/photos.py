"""Real photos, from scikit-image's package, and free ports."""

import io
import socket
from functools import cache

import skimage
from PIL import Image

# ImageNet's cats: tabby, tiger cat, Persian, Siamese, Egyptian
CATS = range(281, 286)


@cache
def jpeg(name: str = "chelsea") -> bytes:
    """One of scikit-image's photos as a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(getattr(skimage.data, name)()).convert("RGB").save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
