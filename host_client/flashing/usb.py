"""Flash boards in boot mode over USB, with the vendor's package k230-flash.

Uses the interface of k230-flash 1.4: find_devices, flash_kdimg, flash_addr_file_pairs. Tested with a
scripted device, never with a board. Data is not read back: the package has no command for it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from host_client.flashing.errors import FlashError
from host_client.flashing.image import ImageFacts
from host_client.flashing.source import Progress, Source

MEDIA = ("sdcard", "emmc", "spi-nand", "spi-nor")
BOOT_MODE = (
    "hold the board's boot button while you plug its USB cable in, then let go; a board on an empty "
    "card is in boot mode by itself"
)
_UDEV = (
    "permission denied for the USB device; run the command with sudo, or add a udev rule: "
    'SUBSYSTEM=="usb", ATTRS{idVendor}=="29f1", ATTRS{idProduct}=="0230", MODE="0666"'
)


def _api() -> Any:
    if importlib.util.find_spec("k230_flash") is None:
        raise FlashError('flashing over USB needs an extra: pip install "k230-vision[flash]"')
    with contextlib.suppress(ImportError):
        # The package prints progress and Chinese texts to stderr.
        importlib.import_module("loguru").logger.disable("k230_flash")
    return importlib.import_module("k230_flash.api")


def boards() -> list[str]:
    """Return the USB ports of boards in boot mode, such as 1-2.

    Raises:
        FlashError: the package or its USB library is missing.
    """
    api = _api()
    try:
        return [str(each["port_path"]) for each in api.find_devices() if each["port_path"]]
    except Exception as error:
        raise _failed(error) from None


def write(
    source: Source, facts: ImageFacts, port: str, medium: str, progress: Progress | None
) -> None:
    """Write an image into the board at a USB port and restart it.

    Raises:
        FlashError: the vendor's package failed; its text is included.
    """
    api = _api()

    def moved(done: int, total: int) -> None:
        if progress is not None:
            progress(done, total, "write")

    options = {
        "port_path": port,
        "media_type": medium.upper().replace("-", "_"),
        "auto_reboot": True,
        "progress_callback": moved,
    }
    with _plain(source, facts) as path:
        try:
            if facts.form == "kdimg":
                api.flash_kdimg(str(path), **options)
            else:
                api.flash_addr_file_pairs([(0, str(path))], **options)
        except Exception as error:
            raise _failed(error) from None


@contextlib.contextmanager
def _plain(source: Source, facts: ImageFacts) -> Iterator[Path]:
    """Yield the unpacked image under a file name that the package accepts."""
    end = f".{facts.form}"
    if not facts.compressed and facts.path.suffix.lower() == end:
        yield facts.path
        return
    with tempfile.TemporaryDirectory(prefix="k230-flash-") as folder:
        path = Path(folder) / f"image{end}"
        with path.open("wb") as file:
            for piece in source.chunks(0, source.size):
                file.write(piece)
        yield path


def _failed(error: Exception) -> FlashError:
    name = type(error).__name__
    text = " ".join(str(error).split())
    if name == "NoBackendError":
        return FlashError("flashing over USB: no USB library was found (libusb)")
    if name == "DeviceNotFoundError":
        return FlashError(f"no board in boot mode was found at USB: {BOOT_MODE}")
    if "Access denied" in text or getattr(error, "errno", None) == 13:
        return FlashError(_UDEV)
    return FlashError(f"the board was not written: k230-flash says: {name}: {text}")
