"""Find the product's data files: in an installed wheel, or in a checkout."""

from __future__ import annotations

from pathlib import Path

_WHEEL = Path(__file__).resolve().parents[1] / "data"
_CHECKOUT = _WHEEL.parents[1]
_IN_CHECKOUT = {"configs": "configs", "packages": "models/packages"}


def data(name: str) -> Path:
    """Return the folder of `configs`, of the demo's `packages`, or of the compiled `firmware`.

    Only a wheel has `firmware`; in a checkout the path does not exist (see commands.service_files).
    """
    installed = _WHEEL / name
    if name in _IN_CHECKOUT and not installed.is_dir():
        return _CHECKOUT / _IN_CHECKOUT[name]
    return installed
