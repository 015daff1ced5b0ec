"""Two sessions back to back in memory, for check.py: conflicts, and a full disk, in the middle of a session."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from causeway_peer import wire
from causeway_peer.history import Conversation
from causeway_peer.session import Session, SessionEnded
from causeway_peer.store import Row, Store

LIMIT = 20.0


class MemoryStream:
    """One end of a stream."""

    def __init__(self, inbox: asyncio.Queue[Any], outbox: asyncio.Queue[Any]) -> None:
        self._inbox, self._outbox = inbox, outbox
        self.written: list[str] = []

    async def read(self) -> Any:
        """The next frame."""
        return await self._inbox.get()

    async def write(self, frame: Any) -> None:
        """Says a frame."""
        self.written.append(frame.WhichOneof("kind"))
        await self._outbox.put(frame)


class Pair:
    """A writer and a reader, their stores, and a session between them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        ids = (b"w" * 32, b"r" * 32)
        self.told: list[tuple[str, Row]] = []
        self.stores = [Store(_made(folder / name)) for name in ("writer", "reader")]
        self.writer = Conversation(self.stores[0], ids[0], ids[1], self._tell)
        self.reader = Conversation(self.stores[1], ids[1], ids[0], self._tell)
        there: asyncio.Queue[Any] = asyncio.Queue()
        back: asyncio.Queue[Any] = asyncio.Queue()
        self.streams = MemoryStream(back, there), MemoryStream(there, back)
        self.sessions = (
            Session(self.streams[0], self.writer, True, ""),
            Session(self.streams[1], self.reader, False, ""),
        )

    def _tell(self, kind: str, row: Row) -> None:
        self.told.append((kind, row))

    def send(self, *texts: str) -> None:
        """The writer writes."""
        for text in texts:
            self.writer.send(text)
        self.sessions[0].poke()

    def texts(self) -> list[str]:
        """What the reader holds, in the order in which it came."""
        rows = [row for direction, row in self.stores[1].history(self.reader.peer) if direction == "in"]
        # The made-up message has no envelope.
        return [wire.chat.Envelope.FromString(row.envelope).text.text for row in rows if row.envelope]

    async def talk(self, meanwhile: Callable[[], Any], until: Callable[[], bool]) -> None:
        """Runs the session until a condition holds."""
        await asyncio.gather(*[session.greet() for session in self.sessions])
        running = [asyncio.create_task(session.run()) for session in self.sessions]
        try:
            async with asyncio.timeout(LIMIT):
                meanwhile()
                while not until():
                    await asyncio.sleep(0.01)
        finally:
            for task in running:
                task.cancel()
            for ended in await asyncio.gather(*running, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, SessionEnded):
                    raise ended
            for store in self.stores:
                store.close()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _conflict(folder: Path) -> tuple[list[str], list[str]]:
    pair = Pair(folder)

    def take_the_numbers() -> None:
        # Behind the greeting: the reader comes to hold another content under the number that is used next.
        epoch = pair.stores[0].epoch
        pair.stores[1].receive(Row(0, pair.reader.peer, epoch, 1, b"", os.urandom(32)))
        pair.send("one", "two", "three")

    found: list[list[str]] = []

    def until() -> bool:
        if pair.stores[0].has_unacknowledged(pair.writer.peer):
            return False
        found.append(pair.texts())
        return True

    await pair.talk(take_the_numbers, until)
    return found[0], pair.streams[0].written + pair.streams[1].written


async def _full_disk(folder: Path) -> tuple[list[str], list[str]]:
    pair, room = Pair(folder), [False]
    store, receive = pair.stores[1], pair.stores[1].receive

    def receive_with_room(row: Row) -> Row:
        if not room[0] and row.sequence > 1:
            raise OSError("the disk is full")
        return receive(row)

    store.receive, store.has_room = receive_with_room, lambda: room[0]
    found: list[list[str]] = []

    def until() -> bool:
        if "blocked" in pair.streams[1].written and not room[0]:
            pair.send("four")
            room[0] = True
        if pair.stores[0].has_unacknowledged(pair.writer.peer):
            return False
        found.append(pair.texts())
        return True

    await pair.talk(lambda: pair.send("one", "two", "three"), until)
    return found[0], pair.streams[0].written + pair.streams[1].written


def facts(folder: Path) -> Iterator[tuple[str, bool]]:
    """What holds, or does not."""
    # That there is no room is what is tried here.
    logging.disable(logging.WARNING)
    texts, said = asyncio.run(_conflict(folder / "conflict"))
    holds = texts == ["one", "two", "three"] and "conflict" in said and "resume" in said
    yield "refused in the middle of a session, messages are numbered anew and arrive once, in order", holds
    texts, said = asyncio.run(_full_disk(folder / "full"))
    holds = texts == ["one", "two", "three", "four"] and {"blocked", "unblocked", "resume"} <= set(said)
    yield "a reader without room says so, and gets all once, in order, when there is some", holds
