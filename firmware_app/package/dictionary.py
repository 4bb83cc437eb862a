"""The characters of a text recogniser: one a line, UTF-8."""

from firmware_app.package.deploy_fields import PackageError

MAX_SIZE = 1048576  # bytes


def characters(data: bytes, name: str) -> list[str]:
    """Return the characters in the model's order; one trailing line break is not a character.

    Raises PackageError for text that is not UTF-8, empty, or longer than MAX_SIZE.
    """
    if len(data) > MAX_SIZE:
        raise PackageError(name + ": expected at most " + str(MAX_SIZE) + " bytes of characters")
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    try:
        text = str(data, "utf-8")
    except ValueError:
        raise PackageError(name + ": expected characters in UTF-8, one a line")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise PackageError(name + ": expected characters, one a line, found nothing")
    return lines
