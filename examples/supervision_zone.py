"""Count objects in a zone with `supervision`, and save the picture with OpenCV drawings.

Needs: pip install supervision opencv-python-headless. The board's task is a detection, and
`preview.enabled` is on: k230 set URL preview.enabled=true
Usage: python examples/supervision_zone.py URL zone.jpg
"""

from __future__ import annotations

import sys

import cv2
import numpy as np
import supervision

from host_client import DetectionResult
from host_client.convert import detections, draw
from host_client.sync import Board


def main(url: str, path: str) -> None:
    """Look at the results until one has an object in the left half of the frame."""
    with Board.connect(url) as board:
        for result in board.results():
            if not isinstance(result, DetectionResult):
                sys.exit(f"expected a detection, found {result.task}")
            width, height = result.source.width or 0, result.source.height or 0
            corners = np.array([[0, 0], [width // 2, 0], [width // 2, height], [0, height]])
            zone = supervision.PolygonZone(corners)
            inside = int(np.count_nonzero(zone.trigger(detections(result))))
            print(len(result.boxes), "objects,", inside, "in the zone")
            if inside:
                break
        jpeg = np.frombuffer(board.snapshot(), np.uint8)
        picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
        assert picture is not None
        draw(picture, result)
        cv2.imwrite(path, picture)
        print("saved", path)


main(*sys.argv[1:3])
