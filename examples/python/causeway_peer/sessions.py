"""Sessions with everybody: those dialled here, those accepted, and which one stays when two meet."""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
from collections.abc import Callable
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from . import wire
from .bridge import channel
from .greeting import caller_host, reason, target
from .history import Conversation
from .identity import BadRecord, certificate_node, to_text
from .nodes import Known, Nodes
from .records import OwnRecords
from .session import Close, Session, SessionEnded

SESSIONS_LIMIT = 4
# Between attempts to reach a peer, seconds.
SOONEST, LATEST = 0.2, 5.0
# How long the other side may take to end a stream after the last word.
FAREWELL = 2.0

log = logging.getLogger("sessions")


class Sessions:
    """All sessions of this node."""

    def __init__(self, own: OwnRecords, nodes: Nodes, conversation: Callable[[bytes], Conversation]) -> None:
        self._own, self._nodes, self._conversation = own, nodes, conversation
        self._open: dict[bytes, list[Session]] = {}
        self._dialling: dict[bytes, asyncio.Task[None]] = {}
        # The last session with each peer. A new one names it: the other side may not know yet that it is over.
        self._last: dict[bytes, bytes] = {}
        self.stopping = False

    def current(self, peer: bytes) -> Session | None:
        """The session that stays."""
        return next((one for one in self._open.get(peer, []) if one.established and not one.closing), None)

    def poke(self, peer: bytes) -> None:
        """There is something to say to a peer, or it came into reach."""
        if session := self.current(peer):
            session.poke()
        elif peer not in self._dialling and not self.stopping and self._own.store.has_unacknowledged(peer):
            task = asyncio.create_task(self._dial_until_open(peer))
            self._dialling[peer] = task
            task.add_done_callback(lambda _: self._dialling.pop(peer, None))

    async def stop(self) -> None:
        """Says goodbye on every session and waits a little for the ends."""
        self.stopping = True
        for task in list(self._dialling.values()):
            task.cancel()
        for session in [one for several in self._open.values() for one in several]:
            session.close(Close.REASON_SHUTDOWN)
        for _ in range(20):
            if any(self._open.values()):
                await asyncio.sleep(0.05)

    def is_full(self, peer: bytes) -> bool:
        """Whether a peer may open no further session."""
        return len(self._open.get(peer, [])) >= SESSIONS_LIMIT

    async def accept(self, peer: bytes, stream: Any, via: str) -> None:
        """Holds a session that a peer opened, to its end."""
        await self._run(Session(stream, self._conversation(peer), False, via), peer)

    # Dialled.

    async def _dial_until_open(self, peer: bytes) -> None:
        pause = SOONEST
        while not self.current(peer) and self._own.store.has_unacknowledged(peer):
            ways = list(self._ways(self._nodes[peer]))
            if not ways:
                # Whoever comes into reach is poked.
                return
            for address, via in ways:
                if await self._dial(peer, address, via):
                    pause = SOONEST
                    break
            # Two that dial each other at the same moment should not do so again.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, LATEST)

    def _ways(self, known: Known) -> Any:
        """Directly first, then by bridge: address and a word for people."""
        if known.description is None:
            return
        if known.on_lan and known.announcement.ports.secure:
            for host in known.hosts:
                yield target(host, known.announcement.ports.secure), "lan"
        for home in known.routes.values():
            yield target(home.host, home.proxy_port), "bridge"

    async def _dial(self, peer: bytes, address: str, via: str) -> bool:
        """Holds a session there to its end. False if it did not come about."""
        certificate = self._nodes[peer].description.message.certificate
        async with channel(self._own, certificate, address) as opened:
            call = wire.chat_service.ChatStub(opened).Session()
            replaces = b"" if self.current(peer) else self._last.get(peer, b"")
            return await self._run(Session(call, self._conversation(peer), True, via, replaces=replaces), peer)

    # Both.

    async def _run(self, session: Session, peer: bytes) -> bool:
        several = self._open.setdefault(peer, [])
        several.append(session)
        short, established = to_text(peer)[:8], False
        try:
            await session.greet()
            established = True
            self._last[peer] = session.id
            log.debug("session %s with %s, %s", session.id.hex()[:8], short, session.via)
            self._keep_one(peer)
            await session.run()
        except SessionEnded as error:
            log.debug("session %s with %s: %s", session.id.hex()[:8], short, error)
            await self._part(session)
        except (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError) as error:
            log.debug("session %s with %s: %s", session.id.hex()[:8], short, reason(error))
        except sqlite3.OperationalError as error:
            log.warning("session with %s: %s", short, error)
        finally:
            several.remove(session)
            if not several:
                self._open.pop(peer, None)
            if established:
                # What this session leaves undone, another one takes up; behind this task, which may be the dialler's.
                asyncio.get_running_loop().call_soon(self.poke, peer)
        return established

    async def _part(self, session: Session) -> None:
        """Lets the other side end the stream, so that nothing it was told gets lost."""
        if session.opened_here:
            try:
                async with asyncio.timeout(FAREWELL):
                    await session.stream.done_writing()
                    while await session.stream.read() is not grpc.aio.EOF:
                        pass
            except (TimeoutError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
                pass

    def _keep_one(self, peer: bytes) -> None:
        """Of several established sessions one stays; both sides choose alike."""
        candidates = [one for one in self._open[peer] if one.established and not one.closing]
        while len(candidates) > 1:
            stays, goes = self._choose(peer, candidates[0], candidates[1])
            named = stays.replaces == goes.id
            goes.successor = stays
            goes.close(Close.REASON_MOVED if named else Close.REASON_DUPLICATE)
            candidates.remove(goes)

    def _choose(self, peer: bytes, older: Session, newer: Session) -> tuple[Session, Session]:
        if newer.replaces == older.id or older.opened_here == newer.opened_here and older.replaces != newer.id:
            return newer, older
        if older.replaces == newer.id:
            return older, newer
        opened_by_lower = self._own.identity.node_id < peer
        return (older, newer) if older.opened_here == opened_by_lower else (newer, older)


class ChatServer(wire.chat_service.ChatServicer):
    """Takes in those who call."""

    def __init__(self, own: bytes, sessions: Sessions) -> None:
        self._own, self._sessions = own, sessions

    async def Session(self, _: Any, context: grpc.aio.ServicerContext) -> None:  # noqa: N802
        """The service's one method."""
        try:
            pem_text = context.auth_context().get("x509_pem_cert", [b""])[0]
            peer = certificate_node(x509.load_pem_x509_certificate(pem_text).public_bytes(Encoding.DER))
        except (BadRecord, ValueError) as error:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, f"no valid certificate: {error}")
        if peer == self._own:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "this is yourself")
        if self._sessions.stopping:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the peer stops")
        if self._sessions.is_full(peer):
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many sessions")
        await self._sessions.accept(peer, context, f"from {caller_host(context)}")
