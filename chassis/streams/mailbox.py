"""A bounded queue between the agent and one partition, which can be closed under a waiting sender.

asyncio's own queue would leave the agent waiting for ever on a partition that has been revoked.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Single reader, single sender, on one event loop."""

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque()
        self._size = size
        self._closed = False
        self._changed = asyncio.Event()
        self._space = asyncio.Event()
        self._space.set()

    async def put(self, item: T) -> bool:
        """Wait for space and add; False when the mailbox was closed and the item is not taken."""
        while not self._closed and len(self._items) >= self._size:
            self._space.clear()
            await self._space.wait()
        if self._closed:
            return False
        self._items.append(item)
        self._changed.set()
        return True

    async def get(self, timeout_s: float | None) -> T | None:
        """The next item; None after the timeout or when the mailbox is closed."""
        if not self._items and not self._closed:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), timeout_s)
            except TimeoutError:
                return None
        if not self._items:
            return None
        item = self._items.popleft()
        self._space.set()
        return item

    @property
    def closed(self) -> bool:
        """Whether the mailbox takes no more."""
        return self._closed

    def close(self) -> None:
        """Drop what waits, take no more, and wake whoever waits."""
        self._closed = True
        self._items.clear()
        self._changed.set()
        self._space.set()
