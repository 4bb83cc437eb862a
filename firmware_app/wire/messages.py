"""Types of messages, and the limits that both sides keep (docs/protocol.md)."""

PROTOCOL_VERSION = 2

# What the console says to programs: a mark at the start of a line, then JSON, or the key in hexadecimal.
CONSOLE_READY = "k230-ready "
CONSOLE_KEY = "k230-key "
ANY_CHIP = "*"  # board_id of a key on a new card: the first board that starts from it takes it

# Hard limits, the same for both sides.
MAX_PAYLOAD = 32768  # bytes of one message before framing
MAX_SEALED = MAX_PAYLOAD + 11  # mark, counter and tag as well
MAX_ENCODED = MAX_SEALED + 4 + (MAX_SEALED + 4) // 254 + 2
CHUNK_SIZE = 4096  # data bytes of one CHUNK message, at most
MAX_PIXELS = 1920 * 1088  # of one picture that a client sends
NONCE_SIZE = 16
KEY_SIZE = 32

# Message types: the session.
HELLO = 0  # client: protocol version, client name, nonce
WELCOME = 1  # board: protocol version, service version, board name, board id, boot id, flags, nonce, max payload
AUTH = 2  # client: proof
READY = 3  # board: proof
REFUSED = 4  # board: code, message, protocol version
# Commands.
REQUEST = 5  # client: id, name, arguments (map), earlier ids that are still waited for
REPLY = 6  # board: id, result
FAILURE = 7  # board: id, code, message
PROGRESS = 8  # board: id, done, total, what
# Large transfers, either direction.
CHUNK = 9  # transfer id, offset, data
TAKEN = 10  # transfer id, offset up to which all data has arrived
# Time.
PING = 11  # client: its clock in microseconds
PONG = 12  # board: that value back, board clock in microseconds
# What the board says by itself.
EVENT = 13  # time_ms, kind, details (map), number (0: the board's own)
MODEL = 14  # generation, task, model, sha256, labels, frame width, frame height, task name, details (map; optional)
STATISTICS = 15  # time_ms, values (map)
LOG = 16  # time_ms, level, text
# Finding boards, by UDP: each datagram is one packet.
SEEK = 17  # client: a number
HERE = 18  # board: that number, board id, board name, service version, flags, protocol version
# The end.
BYE = 19  # client: it goes
ALIVE = 20  # board: nothing else to say; a client that is gone shows when it is sent
# Results: seq, time_ms, generation, then what the task found.
CLASSIFICATION = 32
DETECTION = 33
SEGMENTATION = 34
OCR_DETECTION = 35
OCR_RECOGNITION = 36
OCR = 37
METRIC_LEARNING = 38
MULTILABEL = 39
IDENTITIES = 40  # metric_learning with a detector
INSTANCE_SEGMENTATION = 41
POSE = 42
ORIENTED_DETECTION = 43

RESULT_TASKS = {
    CLASSIFICATION: "classification",
    DETECTION: "detection",
    SEGMENTATION: "segmentation",
    OCR_DETECTION: "ocr_detection",
    OCR_RECOGNITION: "ocr_recognition",
    OCR: "ocr",
    METRIC_LEARNING: "metric_learning",
    MULTILABEL: "multilabel",
    IDENTITIES: "metric_learning",
    INSTANCE_SEGMENTATION: "instance_segmentation",
    POSE: "pose",
    ORIENTED_DETECTION: "oriented_detection",
}

# WELCOME flags. Both proofs cover them.
FLAG_KEY_REQUIRED = 1
FLAG_SEALED = 2
FLAG_ENCRYPTED = 4  # only beside FLAG_SEALED

# First byte of a sealed payload: msgpack never uses it, so a plain one can't be mistaken for it.
SEALED_MARK = 0xC1
