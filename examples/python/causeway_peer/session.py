"""One session with one peer: frames in both directions, until either side ends it.

Nothing here knows gRPC's two sides: `stream` has `read` and `write`, as a call and the context of a served one have.
One task writes, so that a slow reader at the other side never keeps this side from reading.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import grpc

from . import wire
from .history import Conversation, NumberTaken, ProtocolBroken
from .store import now_ms

HELLO_LIMIT = 10.0
# Between pings of a session that was used within IN_USE, and of an idle one, seconds.
PING_EVERY, PING_IDLE, IN_USE = 1.0, 15.0, 10.0
DEAD_AFTER = 3.0
# How long a session that was closed here is read before it is given up.
LAST_WORDS = 3.0
# Frames that wait to be written, the messages apart. Whoever asks faster than it reads is cut off.
CONTROL_LIMIT = 1024

Frame = wire.chat.Frame
Close = wire.chat.Close

log = logging.getLogger("session")


class SessionEnded(Exception):
    """The session is over; the text says why."""


@dataclass(eq=False)
class Session:
    """A session under way. `conversation` is what it says and hears; it outlives all sessions."""

    stream: Any
    conversation: Conversation
    opened_here: bool
    via: str
    id: bytes = field(default_factory=lambda: os.urandom(16))
    replaces: bytes = b""
    # Said hello on both sides.
    established: bool = False
    closing: bool = False
    # The session of the same two peers that stays: what is said anew is said there.
    successor: Session | None = None

    def __post_init__(self) -> None:
        self._control: deque[Any] = deque()
        self._delivered: dict[bytes, Any] = {}
        self._wake = asyncio.Event()
        # Of our messages: the `id` of the last one sent, and what the other holds by epoch.
        self._cursor = 0
        self._held: dict[bytes, int] = {}
        # The other cannot store; it dropped ours until it says otherwise.
        self._halted = False
        # We refused something and drop all until `Resume`; `_full` is the case of no room.
        self._dropping = False
        self._full = False
        self._last_heard = self._used_at = self._pinged_at = time.monotonic()
        self._closed_at = 0.0

    async def greet(self) -> None:
        """Exchanges `Hello`. Errors: SessionEnded."""
        try:
            async with asyncio.timeout(HELLO_LIMIT):
                if self.opened_here:
                    await self.stream.write(Frame(hello=self._hello()))
                first = await self.stream.read()
                if first is not grpc.aio.EOF and first.HasField("close"):
                    self._on_close(first.close)
                if first is grpc.aio.EOF or len(first.hello.session) != 16:
                    raise SessionEnded("the other side did not begin with Hello")
                if not self.opened_here:
                    self.id, self.replaces = first.hello.session, first.hello.replaces
                    await self.stream.write(Frame(hello=self._hello()))
                elif first.hello.session != self.id:
                    raise SessionEnded("the other side answered for another session")
        except TimeoutError:
            raise SessionEnded("no Hello in time") from None
        self.established = True
        self._last_heard = self._used_at = self._pinged_at = time.monotonic()
        self._go_on_after(first.hello.holdings)
        self.say_read()

    def _hello(self) -> Any:
        return wire.chat.Hello(
            session=self.id,
            epoch=self.conversation.store.epoch,
            holdings=self.conversation.holdings(),
            clock_ms=now_ms(),
            replaces=self.replaces if self.opened_here else b"",
        )

    async def run(self) -> None:
        """To its end, behind `greet`. Errors: SessionEnded, and grpc's own."""
        tasks = [asyncio.create_task(part()) for part in (self._read, self._write, self._watch)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def say(self, frame: Any) -> None:
        """Queues a frame, ahead of messages."""
        if len(self._control) < CONTROL_LIMIT:
            self._control.append(frame)
        self._wake.set()

    def poke(self) -> None:
        """There may be messages to send."""
        self._wake.set()

    def say_read(self) -> None:
        """Tells what was read here."""
        for epoch, through, at_ms in self.conversation.store.read_marks(self.conversation.peer):
            self.say(Frame(read=wire.chat.Read(epoch=epoch, through=through, at_ms=at_ms)))

    def close(self, reason: int, detail: str = "") -> None:
        """Says `Close` as the last thing; what the other side still says is read."""
        if not self.closing:
            self.say(Frame(close=Close(reason=reason, detail=detail)))
            self.closing, self._closed_at = True, time.monotonic()

    # Writing.

    async def _write(self) -> None:
        while True:
            if frame := self._next_frame():
                await self.stream.write(frame)
            elif self.closing and self.opened_here:
                await self.stream.done_writing()
                await asyncio.Future()
            else:
                self._wake.clear()
                await self._wake.wait()

    def _next_frame(self) -> Any | None:
        # Receipts first: a Close among the control frames is the last thing said.
        if self._delivered:
            return self._delivered.pop(next(iter(self._delivered)))
        if self._control:
            return self._control.popleft()
        return None if self.closing or self._halted else self._next_message()

    def _next_message(self) -> Any | None:
        while row := self.conversation.store.next_outgoing(self.conversation.peer, self._cursor):
            self._cursor = row.id
            if row.sequence > self._held.get(row.epoch, 0):
                self._used_at = time.monotonic()
                return Frame(message=wire.chat.Message(envelope=row.envelope))
        return None

    def _go_on_after(self, holdings: Any) -> None:
        """Sends from the first message on that the other does not hold."""
        self._held = self.conversation.confirm(holdings)
        self._cursor = self.conversation.before_first_missing(self._held)
        self._wake.set()

    # Reading.

    async def _read(self) -> None:
        while True:
            frame = await self.stream.read()
            if frame is grpc.aio.EOF:
                return
            self._last_heard = time.monotonic()
            kind = frame.WhichOneof("kind")
            # Frames of unknown kinds, and those that only matter to a person, are ignored.
            if handle := getattr(self, f"_on_{kind}", None):
                try:
                    handle(getattr(frame, kind))
                except ProtocolBroken as error:
                    self.close(Close.REASON_PROTOCOL, str(error))

    def _on_message(self, message: Any) -> None:
        self._used_at = time.monotonic()
        if self._dropping:
            return
        try:
            holding = self.conversation.receive(message.envelope)
        except NumberTaken as conflict:
            self._dropping = True
            self.say(Frame(conflict=conflict.frame))
        except OSError as error:
            self._dropping = self._full = True
            self.say(Frame(blocked=wire.chat.Blocked(reason=str(error))))
        else:
            # Cumulative: of several that wait to be written, the last one says it all.
            frame = Frame(delivered=wire.chat.Delivered(holding=holding, at_ms=now_ms()))
            stays = self.successor or self
            stays._delivered[holding.epoch] = frame
            stays.poke()

    def _on_delivered(self, delivered: Any) -> None:
        through = self.conversation.confirm([delivered.holding], delivered.at_ms)
        for epoch, number in through.items():
            self._held[epoch] = max(self._held.get(epoch, 0), number)
        self._wake.set()

    def _on_read(self, read: Any) -> None:
        self.conversation.read_there(read.epoch, read.through, read.at_ms)

    def _on_conflict(self, conflict: Any) -> None:
        self._held |= self.conversation.confirm([conflict.holding])
        self._cursor = self.conversation.before_first_missing(self._held)
        self.say(Frame(resume=wire.chat.Resume()))

    def _on_blocked(self, blocked: Any) -> None:
        log.warning("%s cannot store: %s", self.conversation.name, blocked.reason)
        self._halted = True

    def _on_unblocked(self, unblocked: Any) -> None:
        self._go_on_after(unblocked.holdings)
        self._halted = False
        self.say(Frame(resume=wire.chat.Resume()))

    def _on_resume(self, _: Any) -> None:
        if not self._full:
            self._dropping = False

    def _on_close(self, close: Any) -> None:
        raise SessionEnded(f"closed: {Close.Reason.Name(close.reason)} {close.detail}".rstrip())

    def _on_ping(self, ping: Any) -> None:
        self.say(Frame(pong=wire.chat.Pong(token=ping.token)))

    # Time.

    async def _watch(self) -> None:
        token = 0
        while True:
            await asyncio.sleep(PING_EVERY)
            now = time.monotonic()
            if self.closing and now - self._closed_at > LAST_WORDS:
                return
            if self._last_heard < self._pinged_at < now - DEAD_AFTER:
                raise SessionEnded("nothing came back")
            if len(self._control) >= CONTROL_LIMIT:
                raise SessionEnded("the other side asks more than it reads")
            answered, in_use = self._last_heard >= self._pinged_at, now - self._used_at < IN_USE
            if answered and not self.closing and now - self._pinged_at >= (PING_EVERY if in_use else PING_IDLE):
                token, self._pinged_at = token + 1, now
                self.say(Frame(ping=wire.chat.Ping(token=token)))
            if self._full and self.conversation.store.has_room():
                self._full = False
                self.say(Frame(unblocked=wire.chat.Unblocked(holdings=self.conversation.holdings())))
