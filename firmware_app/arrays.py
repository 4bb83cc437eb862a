"""The only room that touches ulab: what the tasks compute on tensors.

ulab on the board is float32 only and corrupts memory where NumPy would raise; each function
says what it wants, and keeps to calls that are sound there.
"""

from ulab import numpy as np

uint8 = np.uint8


def dense_uint8(shape: list):
    """Return a uint8 array of ones, for the tensor that ai2d writes to."""
    return np.ones(tuple(shape), dtype=np.uint8)


def planes(data, width: int, height: int):
    """Return bytes of R, G, B planes as a (1, 3, height, width) uint8 array.

    The array is a view: keep data alive as long as it.
    """
    return np.frombuffer(data, dtype=np.uint8).reshape((1, 3, height, width))


def frame_planes(image, width: int, height: int):
    """Return a camera frame (RGBP888) as a (1, 3, height, width) array without copying it.

    Dead after the next snapshot of its channel.
    """
    return image.to_numpy_ref().reshape((1, 3, height, width))


def vector(tensor):
    """Return a dense output tensor of any shape as a 1-D array (a view)."""
    return tensor.reshape((size_of(tensor),))


def size_of(tensor) -> int:
    """Return the number of items."""
    count = 1
    for n in tensor.shape:
        count *= n
    return count


def softmax(logits):
    """Return the softmax of a 1-D float array."""
    powers = np.exp(logits - np.max(logits))
    return powers / np.sum(powers)


def sigmoid(logits):
    """Return 1 / (1 + e^-x) of a 1-D float array."""
    return 1.0 / (np.exp(-logits) + 1.0)


def best(scores, count: int) -> list:
    """Return (index, score) of the count highest items of a 1-D float array, best first."""
    found: list = []
    size = len(scores)
    if count == 1:
        index = int(np.argmax(scores))
        return [(index, float(scores[index]))]
    for index in range(size):
        score = float(scores[index])
        if len(found) < count or score > found[-1][1]:
            at = len(found)
            while at > 0 and found[at - 1][1] < score:
                at -= 1
            found.insert(at, (index, score))
            if len(found) > count:
                found.pop()
    return found
