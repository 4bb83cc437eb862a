"""Points, lines and polygons in whole pixels."""


def edges(points: list) -> tuple:
    """Return a polygon's edges (x1, y1, x2, y2)."""
    made: list = []
    before = points[-1]
    for point in points:
        made.append((before[0], before[1], point[0], point[1]))
        before = point
    return tuple(made)


def inside(polygon: tuple, x: int, y: int) -> bool:
    """Return whether a point lies in the polygon of these edges (even-odd)."""
    within = False
    for x1, y1, x2, y2 in polygon:
        if (y1 > y) != (y2 > y):
            left = (x - x1) * (y2 - y1)
            right = (x2 - x1) * (y - y1)
            if left < right if y2 > y1 else left > right:
                within = not within
    return within


def side(x1: int, y1: int, x2: int, y2: int, x: int, y: int) -> int:
    """Return a number > 0 where (x, y) is on the right of the way from 1 to 2, as one sees it; < 0: left."""
    return (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)


def root(value: int) -> int:
    """Return the whole part of a square root."""
    if value < 2:
        return value
    guess = 1 << (len(bin(value)) - 1) // 2  # not below the root
    while True:
        better = (guess + value // guess) // 2
        if better >= guess:
            return guess
        guess = better
