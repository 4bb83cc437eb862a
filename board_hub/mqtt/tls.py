"""The broker's certificate, and ours."""

from __future__ import annotations

import ssl
from pathlib import Path

from host_client.base.exceptions import ConfigurationError


def context(ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    """Return what checks the broker and shows our certificate; raises ConfigurationError."""
    try:
        made = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError([f"mqtt.ca_file: {ca}: {_why(error)}"]) from None
    if cert is not None and key is not None:
        try:
            made.load_cert_chain(str(cert), str(key), password=_no_password)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise ConfigurationError(
                [f"mqtt.cert_file and mqtt.key_file: {cert}, {key}: {_why(error)}"]
            ) from None
    return made


def _no_password() -> str:
    raise ValueError("the key is encrypted; expected one without a password")


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"expected PEM, found something else ({error.reason or error})"
    return getattr(error, "strerror", None) or str(error)
