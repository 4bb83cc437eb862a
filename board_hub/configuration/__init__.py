"""hub.yaml: its fields, and the reader that checks it."""
