"""Numbers that this script and the C++ tests both compute, so that large inputs need not be stored.

    key  = FNV-1a (64 bits) of the name, its low 32 bits
    h    = (i * 0x9E3779B1 + key) mod 2^32;  h ^= h >> 16;  h = h * 0x45D9F3B mod 2^32;  h ^= h >> 16;
           h = h * 0x45D9F3B mod 2^32;  h ^= h >> 16
    u[i] = (h >> 8) / 2^24, in [0, 1), exact in f32

tests/golden_formula.h is the C++ implementation.
"""

import math

import numpy as np

MASK = np.uint64(0xFFFFFFFF)


def words(name: str, count: int) -> np.ndarray:
    """`count` 32-bit hash words of `name`."""
    key = 14695981039346656037
    for byte in name.encode():
        key = ((key ^ byte) * 1099511628211) % 2**64
    h = (np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B1) + np.uint64(key % 2**32)) & MASK
    for _ in range(2):
        h ^= h >> np.uint64(16)
        h = (h * np.uint64(0x45D9F3B)) & MASK
    return h ^ (h >> np.uint64(16))


def uniform(name: str, count: int) -> np.ndarray:
    return (words(name, count) >> np.uint64(8)).astype(np.float64) * 2.0**-24


def values(name: str, shape, low: float, high: float) -> np.ndarray:
    """low + (high - low) * u, rounded to f32, row-major."""
    count = int(np.prod(shape))
    return (low + (high - low) * uniform(name, count)).astype(np.float32).reshape(shape)


def parameter(name: str, shape) -> np.ndarray:
    """A parameter or buffer of a network with PyTorch's name and layout (convolutions (O, I, KH, KW)).

    convolution         (2u - 1) sqrt(6 / (I KH KW))
    fc.weight, fc.bias  (2u - 1) / sqrt(I), (2u - 1) / 10
    BatchNorm           weight and running_var 1/2 + u, bias and running_mean (2u - 1) / 4
    """
    count = int(np.prod(shape))
    u = uniform(name, count)
    if len(shape) == 4:
        value = (2 * u - 1) * math.sqrt(6 / (shape[1] * shape[2] * shape[3]))
    elif len(shape) == 2:
        value = (2 * u - 1) * (1 / math.sqrt(shape[1]))
    elif name == "fc.bias":
        value = (2 * u - 1) * 0.1
    elif name.endswith("weight") or name.endswith("running_var"):
        value = 0.5 + u
    else:
        value = (2 * u - 1) * 0.25
    return value.astype(np.float32).reshape(shape)


def image(name: str, height: int, width: int) -> np.ndarray:
    """u8 (height, width, 3): gradients that wrap around (sharp edges) plus five bits of noise."""
    row, column, channel = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    noise = (words(name, height * width * 3) >> np.uint64(27)).astype(np.int64).reshape(height, width, 3)
    return ((7 * row + 3 * (channel + 1) * column + noise) & 255).astype(np.uint8)
