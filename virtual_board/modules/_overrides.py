"""Puts stand-ins in front of modules that no file can shadow, under all their names.

A built-in module that is not extensible, and any module under its u-name, is found before
sys.path is searched; sys.modules comes before both.
"""

import os
import socket
import sys
import time

import _gc
import _network
import machine

for _name, _module in (
    ("gc", _gc),
    ("time", time),
    ("utime", time),
    ("os", os),
    ("uos", os),
    ("socket", socket),
    ("usocket", socket),
    ("machine", machine),
    ("umachine", machine),
    ("network", _network),
):
    sys.modules[_name] = _module

if not socket.NATIVE:
    import _select

    sys.modules["select"] = sys.modules["uselect"] = _select
