"""Holes in text, against a flood from the border; runs on CPython and MicroPython."""

from firmware_app.tasks.holes import enclosed


def _rows(picture: list[str]) -> list[tuple[int, list[int]]]:
    rows: list[tuple[int, list[int]]] = []
    for y, line in enumerate(picture):
        runs = []
        for x in range(len(line) + 1):
            here = x < len(line) and line[x] == "#"
            if here != (x > 0 and line[x - 1] == "#"):
                runs.append(x)
        if runs:
            rows.append((y, runs))
    return rows


def _filled(picture: list[str]) -> list[str]:
    lines = [list(line) for line in picture]
    for row, start, stop in enclosed(_rows(picture)):
        for x in range(start, stop):
            lines[row][x] = "o"
    return ["".join(line) for line in lines]


def _outside(picture: list[str]) -> list[list[bool]]:
    """Return which pixels of background reach the border, going up, down, left and right."""
    height, width = len(picture), len(picture[0])
    seen = [[False] * width for _ in picture]
    waiting = [(y, x) for y in range(height) for x in range(width)
               if y in (0, height - 1) or x in (0, width - 1)]  # fmt: skip
    while waiting:
        y, x = waiting.pop()
        if 0 <= y < height and 0 <= x < width and not seen[y][x] and picture[y][x] != "#":
            seen[y][x] = True
            waiting.extend([(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)])
    return seen


def test_holes_are_filled() -> None:
    for before, after in (
        (["#####", "#..##", "##.##", "#####"], ["#####", "#oo##", "##o##", "#####"]),
        # Corners close a hole for its region, which is connected over corners.
        ([".##.", "#..#", "#..#", ".##."], [".##.", "#oo#", "#oo#", ".##."]),
        (["#######", "#.###.#", "#######"], ["#######", "#o###o#", "#######"]),
        # Open to the side, above, below, and at the borders of the map.
        (["####", "#...", "####"], ["####", "#...", "####"]),
        (["#.##", "#.##", "####"], ["#.##", "#.##", "####"]),
        (["####", "#.##", "#.##"], ["####", "#.##", "#.##"]),
        (["####", "#.##", ".#..", "####"], ["####", "#o##", ".#..", "####"]),
        # With something in it, or in two arms, it may be more than noise.
        (["#####", "#...#", "#.#.#", "#...#", "#####"],) * 2,
        (["#####", "#.#.#", "#...#", "#####"],) * 2,
        (["#####", "#...#", "#.#.#", "#####"],) * 2,
        (["###", "#.#", "###", "...", "###", "#.#", "###"],
         ["###", "#o#", "###", "...", "###", "#o#", "###"]),
    ):  # fmt: skip
        assert _filled(before) == after, (before, _filled(before))


def test_only_holes_are_filled_and_all_with_one_run_a_row() -> None:
    number = 1
    for _ in range(60):
        picture = []
        for _ in range(9):
            line = ""
            for _ in range(11):
                number = (number * 1103515245 + 12345) & 0x7FFFFFFF
                line += "#" if (number >> 16) % 5 else "."
            picture.append(line)
        outside = _outside(picture)
        filled = _filled(picture)
        for y, line in enumerate(filled):
            for x, pixel in enumerate(line):
                assert pixel != "o" or not outside[y][x], picture
        for y in range(1, len(picture) - 1):
            for x in range(1, 10):
                around = picture[y - 1][x] + picture[y + 1][x] + picture[y][x - 1 : x + 2]
                if around == "###.#":
                    assert filled[y][x] == "o", picture
