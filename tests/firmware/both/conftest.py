"""What a test puts in the place of a module's os and open is taken back: others read real files."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _real_files():
    before = {
        name: {key: module.__dict__[key] for key in ("os", "open") if key in module.__dict__}
        for name, module in sys.modules.items()
        if name.startswith("firmware_app.")
    }
    yield
    for name, kept in before.items():
        module = sys.modules[name]
        for key in ("os", "open"):
            if key in kept:
                setattr(module, key, kept[key])
            elif key in module.__dict__:
                delattr(module, key)
