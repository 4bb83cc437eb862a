"""Text from bytes."""


def hex_of(data: bytes) -> str:
    """Return data in hexadecimal digits, as bytes.hex() does where the interpreter has it."""
    return "".join(["%02x" % byte for byte in data])
