"""What happens in front of the camera: tracks, zones, lines, counters, steady answers. Integers only, no I/O."""
