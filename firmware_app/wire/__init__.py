"""Bytes and messages, for the board and the host: `encode` and `Decoder` are what others rely on."""

from firmware_app.wire.packets import Decoder, encode

__all__ = ["Decoder", "encode"]
