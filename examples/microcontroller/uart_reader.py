"""The same in MicroPython, on any board with `machine.UART` (ESP32, RP2040, STM32).

Copy the folder `firmware_app/wire` and `firmware_app/__init__.py` beside this file. With
`uart.publish: always` (the default) the K230 sends results unasked.
"""

import machine

from firmware_app.wire import messages, packets

uart = machine.UART(1, baudrate=115200)
decoder = packets.Decoder()

while True:
    data = uart.read()
    for message in decoder.feed(data or b""):
        if message[0] == messages.DETECTION and isinstance(message[4], bytes) and message[4]:
            first = int.from_bytes(message[4][0:4], "little")  # the best box: docs/protocol.md
            second = int.from_bytes(message[4][4:8], "little")
            middle = (first & 2047) + (second & 2047) // 2
            print("steer to x", middle, "score", first >> 11 & 1023, "of 1000")
