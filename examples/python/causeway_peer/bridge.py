"""Being reachable through a bridge, and reaching others through it: registration, renewal, and who is behind it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from . import wire
from .greeting import CHANNEL_OPTIONS, reason, target
from .identity import BadRecord, certificate_node, from_text, pem, to_text
from .nodes import Nodes
from .records import OwnRecords, open_pair

TIMEOUT = 5.0
# Between attempts, seconds.
SOONEST, LATEST = 0.5, 15.0

log = logging.getLogger("bridge")


def channel(own: OwnRecords, certificate: bytes, address: str) -> grpc.aio.Channel:
    """Mutual TLS to the node of this certificate, and to no other: it is the only trusted root."""
    credentials = grpc.ssl_channel_credentials(
        pem(certificate), own.identity.tls_key_pem, pem(own.identity.certificate)
    )
    name = ("grpc.ssl_target_name_override", to_text(certificate_node(certificate)))
    return grpc.aio.secure_channel(address, credentials, [name, *CHANNEL_OPTIONS])


@dataclass(eq=False)
class Home:
    """A bridge that this node is registered with, or tries to be.

    `certificate` is known of a bridge that was heard. Of one that was only named, it is taken from a first connection
    that trusts nobody, checked against the node id if one was named, and pinned from then on.
    """

    own: OwnRecords
    nodes: Nodes
    host: str
    port: int
    certificate: bytes | None
    on_change: Callable[[], None]
    on_hint: Callable[[bytes, str, int], None]
    named: bool = False
    wanted: bytes | None = None
    proxy_port: int = 0

    @classmethod
    def by_address(cls, text: str, own: OwnRecords, nodes: Nodes, on_change: Any, on_hint: Any) -> Home:
        """From `HOST:PORT` or `HOST:PORT/NODEID`."""
        address, _, node = text.partition("/")
        host, _, port = address.rpartition(":")
        home = cls(own, nodes, host.strip("[]"), int(port), None, on_change, on_hint, named=True)
        if known := node or own.store.meta(f"bridge {address}"):
            home.wanted = from_text(known)
        return home

    async def run(self) -> None:
        """Until cancelled, when it says goodbye; of a bridge that was only heard, until it is not heard any more."""
        pause = SOONEST
        while self.named or self.nodes[certificate_node(self.certificate)].on_lan:
            try:
                if self.certificate is None:
                    self.certificate = await self._fetch_certificate()
                async with channel(self.own, self.certificate, target(self.host, self.port)) as opened:
                    stub = wire.bridge_service.ControlStub(opened)
                    answer = await self._register(stub)
                    pause = SOONEST
                    await self._stay(stub, answer.lease_ms / 1000)
            except (grpc.aio.AioRpcError, BadRecord, OSError) as error:
                level = logging.WARNING if isinstance(error, BadRecord) else logging.INFO
                log.log(level, "bridge %s:%s: %s", self.host, self.port, reason(error))
            finally:
                self._lost()
            await asyncio.sleep(pause * random.uniform(0.7, 1.3))
            pause = min(pause * 2, LATEST)

    async def _fetch_certificate(self) -> bytes:
        """Whoever answers there: a certificate proves by itself to which node it belongs."""
        text = await asyncio.to_thread(ssl.get_server_certificate, (self.host, self.port), timeout=TIMEOUT)
        certificate = x509.load_pem_x509_certificate(text.encode()).public_bytes(Encoding.DER)
        node_id = certificate_node(certificate)
        if self.wanted not in (None, node_id):
            raise BadRecord(f"{self.host}:{self.port} is {to_text(node_id)}, not {to_text(self.wanted)}")
        self.own.store.set_meta(f"bridge {self.host}:{self.port}", to_text(node_id))
        return certificate

    def _lost(self) -> None:
        """This bridge is no way any more, in either direction."""
        if self.certificate is None:
            return
        bridge = certificate_node(self.certificate)
        for known in self.nodes.all():
            if bridge in known.routes:
                self.nodes.route(bridge, None, known.node_id)
        if bridge in self.own.homes:
            self.own.homes.remove(bridge)
            self.own.announce()
        if self.named:
            # It may come back with another certificate, though never with another id.
            self.wanted, self.certificate = bridge, None

    async def _register(self, stub: Any, goodbye: bool = False) -> Any:
        home = certificate_node(self.certificate)
        if home not in self.own.homes:
            self.own.homes.append(home)
            self.own.announce()
            self.on_change()
        request = wire.bridge.RegisterRequest(
            description=self.own.description.signed, announcement=self.own.latest.signed, goodbye=goodbye
        )
        answer = await stub.Register(request, timeout=TIMEOUT)
        self.own.same_network(answer.network)
        self.proxy_port = answer.proxy_port
        return answer

    async def _stay(self, stub: Any, lease: float) -> None:
        tasks = [asyncio.create_task(self._follow(stub)), asyncio.create_task(self._renew(stub, lease))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except asyncio.CancelledError:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await self._register(stub, goodbye=True)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _renew(self, stub: Any, lease: float) -> None:
        while True:
            await asyncio.sleep(max(0.2, lease / 4))
            await self._register(stub)

    async def _follow(self, stub: Any) -> None:
        async for event in stub.Follow(wire.bridge.FollowRequest()):
            kind = event.WhichOneof("kind")
            if kind == "peer":
                self._on_peer(event.peer)
            elif kind == "gone":
                self.nodes.route(certificate_node(self.certificate), None, event.gone.node_id)
            elif kind == "draining":
                log.info("bridge %s:%s drains", self.host, self.port)

    def _on_peer(self, remote: Any) -> None:
        try:
            description, announcement = open_pair(remote.description, remote.announcement)
        except BadRecord as error:
            log.info("bridge %s:%s tells of a peer that does not hold: %s", self.host, self.port, error)
            return
        node_id = description.message.node_id
        if len(remote.route) > 1 or remote.network.name != self.own.network:
            self.nodes.learn(description)
            self.nodes.route(certificate_node(self.certificate), None if remote.asleep else self, node_id)
        else:
            # A neighbour, who is talked with directly.
            for address in remote.addresses:
                self.on_hint(node_id, str(ipaddress.ip_address(address)), announcement.message.ports.greeting)
