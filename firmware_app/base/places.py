"""Where the service keeps its own files; programs outside it read this, too."""

CARD = "/sdcard"
DATA = "/data"
SPARE = "/sdcard/.k230"  # where there is no /data that takes files
KEY = "key"
KEY_COPY = "key.json"  # in SPARE
BOOTS = "boots.json"  # there from the first start on
LOG = "log"
