"""Golden pictures: Pillow's antialiased bilinear resize. The inputs are formula.picture, so only the results are stored.

Columns first, then rows, each pass rounded to u8: what one call did in every Pillow before 13. Since 13 a call resizes the rows first where
the height shrinks much more than the width (python-pillow/Pillow#9549), which moves some bytes by one. Two calls, one axis each, give the same
bytes in all versions.
"""

import numpy as np
from PIL import Image

from formula import picture

CASES = [  # height, width, new height, new width, grey
    (1, 1, 32, 32, False),
    (2, 3, 32, 32, False),
    (7, 5, 32, 32, False),
    (28, 28, 32, 32, True),
    (31, 33, 32, 32, False),
    (32, 32, 32, 32, False),
    (33, 100, 32, 32, False),
    (64, 64, 32, 32, False),
    (97, 41, 32, 32, True),  # Pillow 13 in one call: rows first
    (128, 128, 32, 32, False),
    (500, 375, 32, 32, False),
    (375, 500, 32, 32, False),
    (1, 300, 32, 32, False),
    (64, 64, 48, 17, False),
    (40, 60, 224, 224, False),
    (96, 130, 1, 1, False),
]


def make() -> dict:
    out = {}
    for case, (h, w, new_h, new_w, grey) in enumerate(CASES):
        pixels = picture(f"resize.{case}", h, w)
        source = Image.fromarray(pixels[:, :, 0]) if grey else Image.fromarray(pixels)
        resized = source.resize((new_w, h), Image.Resampling.BILINEAR).resize((new_w, new_h), Image.Resampling.BILINEAR).convert("RGB")
        out[f"{case}.params"] = np.array([h, w, new_h, new_w, int(grey)], dtype=np.int64)
        out[f"{case}.pixels"] = np.array(resized, dtype=np.uint8)
    return out
