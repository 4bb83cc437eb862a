"""The same surface as host_client.Board without await: an event loop in a thread of its own.

    from host_client.sync import Board

    with Board.connect("tcp://192.168.1.20") as board:
        for result in board.results():
            print(result.to_dict())

Every method may be called from any thread. Callbacks (on_state, progress) run in the board's thread.
An iterator waits for the next item; `next(timeout)` of it raises RequestTimeout.
"""

from host_client.sync.board import Board, Card, Gallery
from host_client.sync.derive import Stream

__all__ = ["Board", "Card", "Gallery", "Stream"]
