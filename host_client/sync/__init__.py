"""The interface of host_client.Board without await; the event loop runs in its own thread.

    from host_client.sync import Board

    with Board.connect("tcp://192.168.1.20") as board:
        for result in board.results():
            print(result.to_dict())

All methods are callable from any thread. Callbacks (on_state, progress) run in the board's thread.
An iterator waits for the next item; its `next(timeout)` raises RequestTimeout.
"""

from host_client.sync.board import Board, Card, Gallery
from host_client.sync.derive import Stream

__all__ = ["Board", "Card", "Gallery", "Stream"]
