"""Blends transparent pictures on white; see docs/decisions/0018."""

from PIL import Image


def on_white(image: Image.Image) -> Image.Image:
    """A picture in LA or RGBA, blended on white as in image viewers."""
    alpha = image.getchannel("A")
    mode = "L" if image.mode == "LA" else "RGB"
    colors = image.convert(mode)
    if alpha.getextrema() == (255, 255):
        return colors
    white = Image.new(mode, image.size, "white")
    white.paste(colors, mask=alpha)
    return white
