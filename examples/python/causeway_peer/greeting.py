"""The exchange of descriptions, and with them of certificates, over gRPC without TLS: both sides of it."""

from __future__ import annotations

import asyncio
import logging
import time
import urllib.parse
from typing import Any

import grpc

from . import wire
from .discovery import Discovery
from .identity import BadRecord
from .nodes import Nodes
from .records import OwnRecords, open_description, open_pair

# A node that did not answer, or whose answer did not hold, is not asked again for so long, seconds.
PACE = 2.0
TIMEOUT = 5.0
# Greetings under way at once.
AT_ONCE = 8
# Greetings answered in a second.
ANSWERS_LIMIT = 50

CHANNEL_OPTIONS = [
    # Addresses of a LAN never lie behind a web proxy.
    ("grpc.enable_http_proxy", 0),
    # A connection of its own for each channel: a shared one might hold an earlier certificate.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", 256 * 1024),
]

log = logging.getLogger("greeting")


def target(host: str, port: int) -> str:
    """A host and port as gRPC writes them; of an IPv6 zone the % is quoted."""
    return f"ipv6:[{urllib.parse.quote(host, safe=':')}]:{port}" if ":" in host else f"{host}:{port}"


def reason(error: Exception) -> str:
    """What went wrong, in a few words."""
    return (error.details() if isinstance(error, grpc.aio.AioRpcError) else None) or str(error)


def caller_host(context: grpc.aio.ServicerContext) -> str:
    """Where a caller is, as gRPC says it: `ipv4:127.0.0.1:1234` or `ipv6:[::1]:1234`, percent-quoted."""
    address = urllib.parse.unquote(context.peer()).partition(":")[2].rpartition(":")[0]
    return address.strip("[]")


class GreetingServer(wire.greeting_service.GreetingServicer):
    """Answers with this node's description, and learns the caller's."""

    def __init__(self, own: OwnRecords, nodes: Nodes) -> None:
        self._own, self._nodes = own, nodes
        self._allowance, self._filled_at = float(ANSWERS_LIMIT), time.monotonic()

    async def Greet(self, request: Any, context: grpc.aio.ServicerContext) -> Any:  # noqa: N802
        """The service's one method."""
        if not self._allowed():
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "asked too often")
        try:
            description, announcement = open_pair(request.description, request.announcement)
        except BadRecord as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        if request.wanted not in (b"", self._own.identity.node_id):
            await context.abort(grpc.StatusCode.NOT_FOUND, "the wanted node is neither this one nor known here")
        if self._own.same_network(announcement.message.network):
            self._nodes.learn(description)
            self._nodes.hear(announcement.message, caller_host(context))
        return wire.greeting.GreetResponse(
            description=self._own.description.signed, announcement=self._own.latest.signed
        )

    def _allowed(self) -> bool:
        now = time.monotonic()
        self._allowance = min(ANSWERS_LIMIT, self._allowance + (now - self._filled_at) * ANSWERS_LIMIT)
        self._filled_at = now
        self._allowance -= 1 if self._allowance >= 1 else 0
        return self._allowance >= 1


class Greeter:
    """Greets whoever was heard without being known, and whoever was only hinted at."""

    def __init__(self, own: OwnRecords, nodes: Nodes, discovery: Discovery) -> None:
        self._own, self._nodes = own, nodes
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._asked: dict[bytes, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        discovery.on_heard = self.on_heard
        discovery.on_goodbye = nodes.leave
        discovery.on_hint = self.on_hint

    def on_heard(self, announcement: Any, host: str) -> None:
        """An announcement of the own network came from this host."""
        if self._nodes.hear(announcement, host) and announcement.ports.greeting:
            self._ask(announcement.node_id, host, announcement.ports.greeting)

    def on_hint(self, node_id: bytes, host: str, port: int) -> None:
        """Somebody says that a node is there."""
        if node_id != self._own.identity.node_id and not self._nodes[node_id].on_lan:
            self._ask(node_id, host, port)

    def _ask(self, node_id: bytes, host: str, port: int) -> None:
        now = time.monotonic()
        self._asked = {other: at for other, at in self._asked.items() if now - at < PACE}
        if node_id not in self._asked:
            self._asked[node_id] = now
            task = asyncio.create_task(self._greet(node_id, host, port))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _greet(self, node_id: bytes, host: str, port: int) -> None:
        request = wire.greeting.GreetRequest(
            wanted=node_id, description=self._own.description.signed, announcement=self._own.latest.signed
        )
        try:
            async with self._slots, grpc.aio.insecure_channel(target(host, port), CHANNEL_OPTIONS) as channel:
                answer = await wire.greeting_service.GreetingStub(channel).Greet(request, timeout=TIMEOUT)
            if answer.HasField("announcement"):
                description, announcement = open_pair(answer.description, answer.announcement)
            else:
                description, announcement = open_description(answer.description), None
        except (grpc.aio.AioRpcError, BadRecord) as error:
            log.debug("greeting %s:%s: %s", host, port, reason(error))
            return
        if description.message.node_id == node_id:
            self._nodes.learn(description)
            if announcement and self._own.same_network(announcement.message.network):
                self._nodes.hear(announcement.message, host)
