"""A scripted board in a thread of its own, for clients that don't run in the test's loop."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Any

from tests.host.scripted_board import ScriptedBoard


class BoardThread:
    """A board over TCP that publishes a label every few ms to whoever subscribed."""

    def __init__(self, **attributes: Any) -> None:
        self.board = ScriptedBoard()
        for name, value in attributes.items():
            setattr(self.board, name, value)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> BoardThread:
        self._thread.start()
        self.run(self.board.listen())
        self._publisher = asyncio.run_coroutine_threadsafe(self._publish(), self._loop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._publisher.cancel()
        self.run(self.board.stop())
        self.run(asyncio.sleep(0.05))  # for the sessions to end
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine in the board's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _publish(self) -> None:
        seq = 0
        while True:
            self.board.publish_label(seq, seq % 3)
            seq += 1
            await asyncio.sleep(0.01)
