"""The board's silicon in CPython: KPU, ai2d, cameras, pixel formats, picture codec."""
