"""How texts count things and say why the system refused something."""

from __future__ import annotations


def quantity(number: int, thing: str) -> str:
    """Return "1 sample", "2 samples", "2 galleries": a number and its things. thing: one of them."""
    if number == 1:
        return f"1 {thing}"
    if thing.endswith("y") and thing[-2] not in "aeiou":
        return f"{number} {thing[:-1]}ies"
    return f"{number} {thing}{'es' if thing.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def reason(error: OSError) -> str:
    """Return why, in the middle of a sentence: "no such file or directory"."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:] if text else type(error).__name__
