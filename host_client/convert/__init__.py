"""Convert results for other libraries: supervision, numpy, pandas, OpenCV, JSON lines and CSV.

    from host_client.convert import csv_file, data_frame, detections, draw, json_lines, masks

Importing this needs none of these libraries; each function imports its own when called.
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
