"""Golden images: Pillow's antialiased bilinear resize, and torchvision's Resize and CenterCrop on it. The inputs are formula.image, so only the
results are stored.

Columns first, then rows, each pass rounded to u8, as one call did in Pillow before version 13. Since 13 a call resizes the rows first if
the height shrinks much more than the width (python-pillow/Pillow#9549), which changes some bytes by one. Two calls with one axis each give the
same bytes in all versions.
"""

import numpy as np
from PIL import Image

from formula import image

CASES = [  # height, width, new height, new width, gray
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

FRAMED = [  # height, width, edge of the square, short side
    (64, 64, 32, 32),
    (97, 41, 32, 40),
    (41, 97, 32, 33),
    (500, 375, 48, 55),
    (375, 500, 33, 37),
    (5, 7, 32, 32),
    (9, 1, 16, 17),
    (1, 9, 16, 16),
    (31, 30, 24, 24),
    (33, 200, 20, 23),
    (200, 3, 24, 28),
    (32, 32, 17, 32),
    (37, 41, 36, 37),
]


def resized(image, height: int, width: int):
    return image.resize((width, image.height), Image.Resampling.BILINEAR).resize((width, height), Image.Resampling.BILINEAR)


def resize_and_center_crop(image, size: int, short: int):
    """The arithmetic of torchvision.transforms.functional: _compute_resized_output_size and center_crop."""
    if image.width <= image.height:
        width, height = short, int(short * image.height / image.width)
    else:
        width, height = int(short * image.width / image.height), short
    image = resized(image, height, width)
    top, left = int(round((height - size) / 2.0)), int(round((width - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


def make() -> dict:
    out = {}
    for case, (h, w, size, short) in enumerate(FRAMED):
        image = Image.fromarray(image(f"framed.{case}", h, w))
        out[f"framed.{case}.params"] = np.array([h, w, size, short], dtype=np.int64)
        out[f"framed.{case}.pixels"] = np.array(resize_and_center_crop(image, size, short), dtype=np.uint8)
    for case, (h, w, new_h, new_w, gray) in enumerate(CASES):
        pixels = image(f"resize.{case}", h, w)
        source = Image.fromarray(pixels[:, :, 0]) if gray else Image.fromarray(pixels)
        out[f"{case}.params"] = np.array([h, w, new_h, new_w, int(gray)], dtype=np.int64)
        out[f"{case}.pixels"] = np.array(resized(source, new_h, new_w).convert("RGB"), dtype=np.uint8)
    return out
