"""Golden color operations: Pillow's ImageEnhance and conversion to gray, bit for bit, and hue rotation with Python's colorsys.

The inputs are formula.image, so only the results are stored.
"""

import colorsys

import numpy as np
from PIL import Image, ImageEnhance

from formula import image

SIZE = (13, 17)
FACTORS = [0.0, 0.37, 0.6, 1.0, 1.4, 2.5]
TURNS = [-0.5, -0.1, 0.0, 0.03, 0.25]


def turned(pixels: np.ndarray, turns: float) -> np.ndarray:
    out = np.empty_like(pixels)
    for place in np.ndindex(pixels.shape[:2]):
        h, s, v = colorsys.rgb_to_hsv(*(pixels[place] / 255.0))
        out[place] = [int(255 * c + 0.5) for c in colorsys.hsv_to_rgb((h + turns) % 1.0, s, v)]
    return out


def make() -> dict:
    pixels = image("colours", *SIZE)
    image = Image.fromarray(pixels)
    out = {"size": np.array(SIZE, dtype=np.int64), "factors": np.array(FACTORS), "turns": np.array(TURNS)}
    changes = {"brightness": ImageEnhance.Brightness, "contrast": ImageEnhance.Contrast, "saturation": ImageEnhance.Color}
    for name, enhance in changes.items():
        for index, factor in enumerate(FACTORS):
            out[f"{name}.{index}"] = np.array(enhance(image).enhance(factor), dtype=np.uint8)
    out["gray"] = np.array(image.convert("L").convert("RGB"), dtype=np.uint8)
    for index, turns in enumerate(TURNS):
        out[f"hue.{index}"] = turned(pixels, turns)
    return out
