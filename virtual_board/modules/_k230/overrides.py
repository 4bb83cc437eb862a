"""Puts stand-ins in front of modules that no file can shadow, under all their names.

A built-in module that is not extensible, and any module under its u-name, is found before
sys.path is searched; sys.modules comes before both.
"""

import os
import socket
import sys
import time

import machine

from _k230 import gc, network, threads

for _name, _module in (
    ("gc", gc),
    ("time", time),
    ("utime", time),
    ("os", os),
    ("uos", os),
    ("socket", socket),
    ("usocket", socket),
    ("machine", machine),
    ("umachine", machine),
    ("network", network),
    ("_thread", threads),
):
    sys.modules[_name] = _module

if not socket.NATIVE:
    from _k230 import select

    sys.modules["select"] = sys.modules["uselect"] = select
