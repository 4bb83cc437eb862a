"""What runs on the board while its console is used: a few functions in the REPL's own names.

MicroPython 1.21. The firmware holds back every "0" that comes over USB until five more bytes tell
that it is no frame of its IDE: data therefore come in base64 without that digit.
"""

from __future__ import annotations

import base64

ROOT = "/sdcard/"

HELPERS = r"""
import os, hashlib, json
try:
    from ubinascii import a2b_base64 as _k_bin
except ImportError:
    from binascii import a2b_base64 as _k_bin
def _k_hash(path):
    h = hashlib.sha256()
    try:
        if os.stat(path)[0] & 0x4000:
            return None
        with open(path, 'rb') as f:
            while True:
                d = f.read(4096)
                if not d:
                    break
                h.update(d)
    except OSError:
        return None
    return ''.join(['%02x' % b for b in h.digest()])
def _k_names(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []
def _k_folders(path):
    at = ''
    for part in path.split('/')[1:-1]:
        at += '/' + part
        try:
            os.stat(at)
        except OSError:
            os.mkdir(at)
def _k_open(path):
    global _k_file
    _k_folders(path)
    _k_file = open(path, 'wb')
def _k_w(text):
    _k_file.write(_k_bin(text.replace('-', chr(48))))
def _k_close():
    _k_file.flush()
    _k_file.close()
def _k_copy(source, path):
    _k_open(path)
    with open(source, 'rb') as f:
        while True:
            d = f.read(4096)
            if not d:
                break
            _k_file.write(d)
    _k_close()
def _k_remove(path):
    try:
        folder = os.stat(path)[0] & 0x4000
    except OSError:
        return
    if folder:
        for name in os.listdir(path):
            _k_remove(path + '/' + name)
        os.rmdir(path)
    else:
        os.remove(path)
def _k_rename(path, to):
    _k_folders(to)
    os.rename(path, to)
def _k_read(path):
    try:
        with open(path, 'rb') as f:
            return ''.join(['%02x' % b for b in f.read(65536)])
    except OSError:
        return None
def _k_info():
    import sys
    u = os.uname()
    try:
        v = os.statvfs('/sdcard')
        free = (v[1] or v[0]) * v[4]
    except OSError:
        free = None
    mpy = getattr(sys.implementation, '_mpy', None)
    return [u[-1], u[2], mpy, free, sys.platform]
"""


def encoded(data: bytes) -> str:
    """Return data as the board's _k_w() takes it: base64 with "-" for "0"."""
    return base64.b64encode(data).decode().replace("0", "-")
