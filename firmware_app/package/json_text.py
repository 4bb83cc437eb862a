"""Read JSON strictly, with the line of a fault, the same on board and host.

The board's own json module takes missing commas and colons for correct, keeps \\ud83d\\ude00 as
two broken characters, rounds long decimals wrongly and names no line.
"""

from firmware_app.settings.yaml_scalar import MAX_DIGITS, decimal

MAX_SIZE = 262144  # bytes of a file
MAX_DEPTH = 16

_ESCAPES = {
    0x22: '"',
    0x5C: "\\",
    0x2F: "/",
    0x62: "\x08",
    0x66: "\x0c",
    0x6E: "\n",
    0x72: "\r",
    0x74: "\t",
}
_WORDS = ((b"true", True), (b"false", False), (b"null", None))
_NUMBER = b"+-.0123456789eE"
_HEX = b"0123456789abcdefABCDEF"


class JsonError(ValueError):
    """The text is not JSON: line (1...) and problem (in words)."""

    def __init__(self, line: int, problem: str) -> None:
        self.line = line
        self.problem = problem
        super().__init__("line " + str(line) + ": " + problem)

    def __str__(self) -> str:
        return "line " + str(self.line) + ": " + self.problem


def load(data: bytes) -> object:
    """Return the document: dict, list, str, int, float, bool or None; raise JsonError."""
    if len(data) > MAX_SIZE:
        raise JsonError(1, "the file has more than " + str(MAX_SIZE) + " bytes")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise JsonError(1, "text that is UTF-16: save the file as UTF-8")
    reader = _Reader(data)
    value = reader.value(1)
    if reader.next() >= 0:
        raise reader.error("text after the end")
    return value


class _Reader:
    """A position in the bytes; the bytes are indexed because the board's str is slow at it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 3 if data[:3] == b"\xef\xbb\xbf" else 0

    def error(self, problem: str) -> JsonError:
        return JsonError(self.data[: self.at].count(b"\n") + 1, problem)

    def next(self) -> int:
        """Skip spaces; return the byte there, -1 at the end."""
        data = self.data
        while self.at < len(data):
            code = data[self.at]
            if code not in b" \t\r\n":
                return code
            self.at += 1
        return -1

    def value(self, depth: int) -> object:
        code = self.next()
        if code < 0:
            raise self.error("the text ends where a value is expected")
        if depth > MAX_DEPTH:
            raise self.error("nested deeper than " + str(MAX_DEPTH) + " levels")
        if code == 0x22:
            return self.string()
        if code == 0x7B:
            return self.mapping(depth)
        if code == 0x5B:
            return self.sequence(depth)
        for word, value in _WORDS:
            if self.data[self.at : self.at + len(word)] == word:
                self.at += len(word)
                return value
        if code in b"-0123456789":
            return self.number()
        raise self.error("expected a value, found " + self.found())

    def found(self) -> str:
        """Return what is there, in words."""
        if self.at >= len(self.data):
            return "the end of the text"
        code = self.data[self.at]
        if code == 0x2F:
            return "/ (JSON has no comments)"
        return chr(code) if 0x20 < code < 0x7F else "the byte " + str(code)

    def separator(self, closing: int) -> bool:
        """Take the comma before the next item; False (taken too) at the closing bracket."""
        code = self.next()
        if code == closing:
            self.at += 1
            return False
        if code != 0x2C:
            raise self.error("expected , or " + chr(closing) + ", found " + self.found())
        self.at += 1
        if self.next() == closing:
            raise self.error("a comma before " + chr(closing))
        return True

    def sequence(self, depth: int) -> list[object]:
        self.at += 1
        items: list[object] = []
        if self.next() == 0x5D:
            self.at += 1
            return items
        while True:
            items.append(self.value(depth + 1))
            if not self.separator(0x5D):
                return items

    def mapping(self, depth: int) -> dict[str, object]:
        self.at += 1
        result: dict[str, object] = {}
        if self.next() == 0x7D:
            self.at += 1
            return result
        while True:
            if self.next() != 0x22:
                raise self.error('expected a key in "quotes", found ' + self.found())
            key = self.string()
            if key in result:
                raise self.error('the key "' + key + '" appears twice')
            if self.next() != 0x3A:
                raise self.error('expected : after the key "' + key + '"')
            self.at += 1
            result[key] = self.value(depth + 1)
            if not self.separator(0x7D):
                return result

    def number(self) -> int | float:
        start = self.at
        data = self.data
        while self.at < len(data) and data[self.at] in _NUMBER:
            self.at += 1
        text = str(data[start : self.at], "ascii")
        body = text[1:] if text[0] == "-" else text
        mantissa = body.replace("E", "e").split("e")[0]
        whole, dot, fraction = mantissa, "", ""
        if "." in mantissa:
            whole, fraction = mantissa.split(".", 1)
            dot = "."
        digits = whole + fraction
        if not whole or not all(ch in "0123456789" for ch in digits) or (dot and not fraction):
            raise self.error(text + " is not a number")
        if len(whole) > 1 and whole[0] == "0":
            raise self.error(text + " is not a number: it starts with 0")
        if len(digits) > 2 * MAX_DIGITS:
            raise self.error("a number has more than " + str(2 * MAX_DIGITS) + " digits")
        if mantissa != body:
            return self._scientific(text)
        value = decimal(int(digits), len(fraction)) if dot else int(digits)
        return -value if text[0] == "-" else value

    def _scientific(self, text: str) -> float:
        exponent = text.replace("E", "e").split("e", 1)[1]
        size = exponent[1:] if exponent[:1] in ("+", "-") else exponent
        if not size or not all(ch in "0123456789" for ch in size):
            raise self.error(text + " is not a number")
        if int(size) > 30:
            raise self.error(text + " is beyond the range of the board's numbers")
        return float(text)

    def string(self) -> str:
        data = self.data
        parts: list[str] = []
        self.at += 1
        start = self.at
        while True:
            if self.at >= len(data):
                raise self.error("the text ends inside quotes")
            code = data[self.at]
            if code == 0x22 or code == 0x5C:
                parts.append(self._decode(start, self.at))
                self.at += 1
                if code == 0x22:
                    return "".join(parts)
                parts.append(self._escape())
                start = self.at
                continue
            if code < 0x20:
                raise self.error("a line break or control character inside quotes")
            self.at += 1

    def _decode(self, start: int, end: int) -> str:
        try:
            return str(self.data[start:end], "utf-8")
        except ValueError:
            raise self.error("text that is not UTF-8: save the file as UTF-8")

    def _escape(self) -> str:
        code = self.data[self.at] if self.at < len(self.data) else 0
        if code == 0x75:
            high = self._unit()
            if 0xD800 <= high < 0xDC00 and self.data[self.at : self.at + 2] == b"\\u":
                self.at += 1
                low = self._unit()
                if 0xDC00 <= low < 0xE000:
                    return chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)
                high = 0xD800
            if 0xD800 <= high < 0xE000:
                raise self.error("half a character written as \\u")
            return chr(high)
        if code not in _ESCAPES:
            raise self.error("a \\ that starts no escape: write \\\\ for \\")
        self.at += 1
        return _ESCAPES[code]

    def _unit(self) -> int:
        """Return the four hexadecimal digits after the u at this position."""
        digits = self.data[self.at + 1 : self.at + 5]
        if len(digits) < 4 or not all(code in _HEX for code in digits):
            raise self.error("\\u needs four hexadecimal digits")
        self.at += 5
        return int(str(digits, "ascii"), 16)
