"""Results as other libraries want them: supervision, numpy, pandas, OpenCV, JSON lines and CSV.

    from host_client.convert import csv_file, data_frame, detections, draw, json_lines, masks

None of those libraries is needed to import this: each function needs its own when it is called.
"""

from host_client.convert.arrays import class_map, masks
from host_client.convert.drawing import draw
from host_client.convert.sinks import CsvSink, JsonLinesSink, csv_file, json_lines
from host_client.convert.supervision import detections, key_points
from host_client.convert.tables import COLUMNS, data_frame, rows

__all__ = [
    "COLUMNS",
    "CsvSink",
    "JsonLinesSink",
    "class_map",
    "csv_file",
    "data_frame",
    "detections",
    "draw",
    "json_lines",
    "key_points",
    "masks",
    "rows",
]
