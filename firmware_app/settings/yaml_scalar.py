"""One YAML scalar: what its text means, and what is refused because people misread it.

docs/yaml.md describes the subset.
"""

_DIGITS = "0123456789"
_NUMBER_TEXT = "0123456789abcdefABCDEFxXoOtTzZ_.:+-, "
_INDICATORS = "?:,[]{}#&*!|>'\"%@`="
_WIDE_SPACES = "\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff\u00ad\u2060"
_SWITCH_WORDS = ("yes", "no", "on", "off", "y", "n")
_WORDS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    "null": None,
    "Null": None,
    "NULL": None,
    "~": None,
}
_ESCAPES = {
    "0": "\0",
    "a": "\x07",
    "b": "\x08",
    "t": "\x09",
    "n": "\n",
    "v": "\x0b",
    "f": "\x0c",
    "r": "\r",
    "e": "\x1b",
    " ": " ",
    '"': '"',
    "\\": "\\",
    "/": "/",
    "N": "\u0085",
    "_": "\u00a0",
    "L": "\u2028",
    "P": "\u2029",
}
_HEX_LENGTHS = {"x": 2, "u": 4, "U": 8}
_HEX = "0123456789abcdefABCDEF"
MAX_DIGITS = 20  # of a number; more carry nothing a setting could use

# Bits of a float's significand: the board computes in single precision.
_SIGNIFICAND = 53 if 1.0 + 1.0 / (1 << 40) != 1.0 else 24


class ScalarError(ValueError):
    """What is wrong with a scalar, in words; the caller knows the line."""


def decimal(mantissa: int, places: int) -> float:
    """Return mantissa / 10**places, correctly rounded (the board's float() is not).

    Rounded to double precision first and then to this interpreter's, so that it equals what a
    PC reads after conversion to single precision.
    """
    if mantissa == 0:
        return 0.0
    divisor = 10**places
    shift = 54 + len(bin(divisor)) - len(bin(mantissa))
    while True:
        top, bottom = mantissa, divisor
        if shift >= 0:
            top <<= shift
        else:
            bottom <<= -shift
        whole, rest = divmod(top, bottom)
        if whole < (1 << 53):
            break
        shift -= 1
    if 2 * rest > bottom or (2 * rest == bottom and whole & 1):
        whole += 1
    if _SIGNIFICAND == 24:
        drop = len(bin(whole)) - 2 - 24
        rest = whole & ((1 << drop) - 1)
        whole >>= drop
        half = 1 << (drop - 1)
        if rest > half or (rest == half and whole & 1):
            whole += 1
        shift -= drop
    value = float(whole)
    while shift > 0:  # steps by a power of two are exact
        value *= 0.5
        shift -= 1
    while shift < 0:
        value *= 2.0
        shift += 1
    return value


def _all_in(text: str, allowed: str) -> bool:
    return all(ch in allowed for ch in text)


def _number(text: str) -> int | float | None:
    """Return the int or float that text spells, or None where it is not a plain decimal."""
    negative = text[0] == "-"
    body = text[1:] if negative else text
    whole, dot, fraction = body, "", ""
    at = body.find(".")
    if at >= 0:
        whole, dot, fraction = body[:at], ".", body[at + 1 :]
    if not whole or not _all_in(whole, _DIGITS) or not _all_in(fraction, _DIGITS):
        return None
    if (len(whole) > 1 and whole[0] == "0") or (dot and not fraction):
        return None
    if len(whole) + len(fraction) > MAX_DIGITS:
        raise ScalarError("the number " + text + " has more than " + str(MAX_DIGITS) + " digits")
    if dot:
        value = decimal(int(whole + fraction), len(fraction))
        return -value if negative else value
    return -int(whole) if negative else int(whole)


def _misread_number(text: str) -> str:
    """Return why text, which looks like a number, is refused; '' where it is plainly text."""
    body = text.lstrip("+-.")
    if text.lower().lstrip("+-") in (".inf", ".nan"):
        return text + " is not a number this service can use"
    if not body or body[0] not in _DIGITS:
        return ""
    if text[0] in _DIGITS and text.count(".") > 1 and _all_in(text, _DIGITS + "."):
        return ""  # an address or a version: 192.168.1.10, 2.11.0
    if not _all_in(text, _NUMBER_TEXT):
        return ""
    quoted = "; put it in quotes if it is text"
    if ":" in text:
        return text + " is read as base 60 or as a time by YAML" + quoted
    if body[:2] in ("0x", "0X", "0o", "0O", "0b", "0B"):
        return text + " is not decimal: write the number in base 10" + quoted
    if "_" in text:
        return text + " contains _: write the digits alone" + quoted
    if _all_in(body, _DIGITS) and body[0] == "0" and len(body) > 1:
        return text + " starts with 0 and is read as octal by YAML: drop the 0" + quoted
    if "," in text:
        return text + " contains a comma: write a decimal point" + quoted
    if _all_in(body, _DIGITS + ".eE+-") and ("e" in body or "E" in body):
        return text + " has an exponent, which YAML may read as text: write it out" + quoted
    if text[0] == "+":
        return text + " has a plus sign: write the number without it" + quoted
    if text.lstrip("-")[0] == ".":
        return text + " has no digit before the point: write a 0 there" + quoted
    if text.endswith("."):
        return text + " has no digit after the point" + quoted
    if len(text) >= 10 and text[4] == "-" and text[7] == "-":
        return text + " is read as a date by YAML" + quoted
    return text + " is neither a decimal number nor clearly text" + quoted


def plain(text: str) -> object:
    """Return the value of an unquoted scalar: None, bool, int, float or str.

    Raises ScalarError for what YAML allows and people misread (on, 010, 1:30, 1e3, dates, ...).
    """
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first in _INDICATORS:
        if first in "&*":
            raise ScalarError("anchors and aliases (" + first + ") are not supported")
        if first == "!":
            raise ScalarError("tags (!) are not supported")
        if first in "|>":
            raise ScalarError("block text (" + first + ') is not supported: use "quotes" and \\n')
        raise ScalarError("text that starts with " + first + " must be in quotes")
    if text == "-" or text == "<<" or text.startswith("- "):
        raise ScalarError("text that is or starts with " + text[:2].strip() + " must be in quotes")
    lower = text.lower()
    if lower in _SWITCH_WORDS:
        raise ScalarError(
            text + " is not clear: write true or false, or put it in quotes if it is text"
        )
    if lower in ("true", "false", "null"):
        raise ScalarError(text + " is read as text by YAML: write " + lower + " in small letters")
    for ch in text:
        if ch in _WIDE_SPACES or "\u2000" <= ch <= "\u200f":
            raise ScalarError(
                "an invisible space that is not a plain one: retype it, or use quotes"
            )
    if first in "+-." or first in _DIGITS:
        value = _number(text) if first in "-0123456789" else None
        if value is not None:
            return value
        reason = _misread_number(text)
        if reason:
            raise ScalarError(reason)
    return text


def plain_key(text: str) -> str:
    """Return the key that an unquoted scalar names; only text can be one."""
    if not text:
        raise ScalarError("a key is missing before the :")
    if text in ("y", "n"):
        return text  # text to YAML as well, and y is a coordinate's name
    key = plain(text)
    if not isinstance(key, str):
        raise ScalarError("the key " + text + " must be in quotes")
    return key


def show(text: str) -> str:
    """Return the text in quotes, cut to fit a sentence."""
    return '"' + (text if len(text) <= 30 else text[:27] + "...") + '"'


def single_quoted(line: str, start: int) -> tuple[str, int]:
    """Return (text, index after the closing quote) of the '...' scalar that opens at start."""
    at = start + 1
    parts: list[str] = []
    while True:
        end = line.find("'", at)
        if end < 0:
            raise ScalarError("the ' is not closed on its line")
        parts.append(line[at:end])
        if line[end + 1 : end + 2] != "'":
            return "".join(parts), end + 1
        parts.append("'")
        at = end + 2


def double_quoted(line: str, start: int) -> tuple[str, int]:
    """Return (text, index after the closing quote) of the "..." scalar that opens at start."""
    at = start + 1
    parts: list[str] = []
    while at < len(line):
        ch = line[at]
        if ch == '"':
            return "".join(parts), at + 1
        if ch != "\\":
            parts.append(ch)
            at += 1
            continue
        code = line[at + 1 : at + 2]
        if code in _HEX_LENGTHS:
            length = _HEX_LENGTHS[code]
            digits = line[at + 2 : at + 2 + length]
            if len(digits) != length or not _all_in(digits, _HEX):
                raise ScalarError("\\" + code + " needs " + str(length) + " hexadecimal digits")
            number = int(digits, 16)
            if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
                raise ScalarError("\\" + code + digits + " is not a character")
            parts.append(chr(number))
            at += 2 + length
        elif code and code in _ESCAPES:
            parts.append(_ESCAPES[code])
            at += 2
        else:
            raise ScalarError("\\" + code + " is not an escape: write \\\\ for \\, or use 'quotes'")
    raise ScalarError('the " is not closed on its line')


def plain_end(line: str, start: int, flow: bool) -> int:
    """Return where the unquoted scalar that starts at start ends: at its ':', comment or end."""
    at = start
    size = len(line)
    while at < size:
        ch = line[at]
        if ch == " ":
            after = at
            while after < size and line[after] == " ":
                after += 1
            if after == size or line[after] == "#":
                return at
            at = after
            continue
        if ch == ":":
            follower = line[at + 1 : at + 2]
            if follower in ("", " ") or (flow and follower in ",[]{}"):
                return at
        elif flow:
            if ch in ",[]{}":
                return at
            if ch == "?":
                raise ScalarError("text with ? inside [ ] or { } must be in quotes")
        at += 1
    return at
