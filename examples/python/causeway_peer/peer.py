"""The whole peer: its parts put together, and what happens told to whoever runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from . import wire
from .bridge import Home
from .discovery import Discovery
from .greeting import Greeter, GreetingServer, target
from .history import Conversation, message_id
from .identity import Identity, pem, to_text
from .nodes import Known, Nodes
from .records import HOMES_LIMIT, OwnRecords, open_description
from .sessions import ChatServer, Sessions
from .store import Row, Store

Event = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What the command line says."""

    name: str
    network: str
    data: Path
    interface_addresses: list[str] = field(default_factory=lambda: ["0.0.0.0"])
    discovery_port: int = 30002
    bridges: list[str] = field(default_factory=list)
    echo: bool = False


class Peer:
    """A running peer. `emit` gets what happens, one JSON object each."""

    def __init__(self, settings: Settings, emit: Callable[[Event], None]) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        self._settings, self._emit = settings, emit
        self.identity = Identity.load_or_make(settings.data)
        self.store = Store(settings.data)
        self.own = OwnRecords(self.identity, self.store, settings.name, settings.network)
        self.nodes = Nodes(self.identity.node_id, self.identity.certificate, self._on_change)
        self.discovery = Discovery(self.own, settings.interface_addresses, settings.discovery_port)
        self.greeter = Greeter(self.own, self.nodes, self.discovery)
        self.sessions = Sessions(self.own, self.nodes, self.conversation)
        self._conversations: dict[bytes, Conversation] = {}
        self._remembered: dict[bytes, bytes] = {}
        self._homes: dict[str, asyncio.Task[None]] = {}
        self._recall()

    def _recall(self) -> None:
        for body, signature in self.store.nodes():
            description = open_description(wire.node.Signed(body=body, signature=signature))
            self.nodes.keep(description.message.node_id)
            self.nodes.learn(description)

    async def run(self) -> None:
        """Until cancelled."""
        servers = [grpc.aio.server(), grpc.aio.server()]
        self._serve(*servers)
        for server in servers:
            await server.start()
        self._emit({"event": "ready", "id": to_text(self.identity.node_id), "name": self._settings.name,
                    "secure": self.own.ports.secure, "greeting": self.own.ports.greeting})
        for row in self.store.not_shown():
            self._show(row)
        for text in self._settings.bridges:
            self._add_home(Home.by_address(text, self.own, self.nodes, self.discovery.hurry, self.greeter.on_hint))
        tasks = [asyncio.create_task(self.discovery.run()), asyncio.create_task(self._expire())]
        try:
            await asyncio.gather(*tasks)
        finally:
            await self.sessions.stop()
            tasks += list(self._homes.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for server in servers:
                await server.stop(0.5)
            self.store.close()

    def _serve(self, secure: grpc.aio.Server, greeting: grpc.aio.Server) -> None:
        wire.chat_service.add_ChatServicer_to_server(ChatServer(self.identity.node_id, self.sessions), secure)
        wire.greeting_service.add_GreetingServicer_to_server(GreetingServer(self.own, self.nodes), greeting)
        pair = (self.identity.tls_key_pem, pem(self.identity.certificate))
        # gRPC accepts only callers whose certificates it was given; they come to be known all the time, so it is asked
        # anew at each connection, on a thread of its own.
        trusted = [grpc.ssl_server_certificate_configuration([pair], self.nodes.roots())]

        def on_certificates(roots: bytes) -> None:
            trusted[0] = grpc.ssl_server_certificate_configuration([pair], roots)

        self.nodes.on_certificates = on_certificates
        credentials = grpc.dynamic_ssl_server_credentials(trusted[0], lambda: trusted[0], True)
        ports = self.own.ports
        for address in self._settings.interface_addresses:
            # gRPC cannot listen on an address with a zone.
            host = "[::]" if "%" in address else f"[{address}]" if ":" in address else address
            ports.secure = secure.add_secure_port(f"{host}:{ports.secure}", credentials)
            ports.greeting = greeting.add_insecure_port(f"{host}:{ports.greeting}")
        self.own.announce()

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.nodes.expire()

    def _add_home(self, home: Home) -> None:
        address = target(home.host, home.port)
        if address not in self._homes and len(self._homes) < HOMES_LIMIT:
            task = self._homes[address] = asyncio.create_task(home.run())
            task.add_done_callback(lambda _: self._homes.pop(address, None))

    # What others do.

    def _on_change(self, known: Known) -> None:
        if known.kind == wire.node.NODE_KIND_BRIDGE:
            if known.on_lan and known.announcement.ports.control:
                self._add_home(Home(self.own, self.nodes, known.hosts[0], known.announcement.ports.control,
                                    known.description.message.certificate, self.discovery.hurry, self.greeter.on_hint))
        elif known.kind == wire.node.NODE_KIND_PEER:
            if known.online != known.told_online:
                known.told_online = known.online
                via = None if not known.online else "lan" if known.on_lan else "bridge"
                self._emit({"event": "peer", "id": to_text(known.node_id), "name": known.name,
                            "online": known.online, "via": via})
                if known.online:
                    self.discovery.hurry()
            if known.online:
                self.sessions.poke(known.node_id)

    def conversation(self, peer: bytes) -> Conversation:
        """What is said with a peer."""
        known = self.nodes[peer]
        if peer not in self._conversations:
            self.nodes.keep(peer)
            self._conversations[peer] = Conversation(self.store, self.identity.node_id, peer, self._tell)
        if known.description and self._remembered.get(peer) != known.description.hash:
            signed = known.description.signed
            self.store.remember_node(peer, signed.body, signed.signature)
            self._remembered[peer] = known.description.hash
        self._conversations[peer].name = known.name
        return self._conversations[peer]

    def _tell(self, kind: str, row: Row) -> None:
        if kind == "message":
            self._show(row)
        else:
            envelope = wire.chat.Envelope.FromString(row.envelope)
            self._emit({"event": kind, "id": message_id(envelope), "to": to_text(row.peer)})

    def _show(self, row: Row) -> None:
        envelope = wire.chat.Envelope.FromString(row.envelope)
        self._emit({"event": "message", "id": message_id(envelope), "from": to_text(row.peer),
                    "from_name": self.nodes[row.peer].name, "text": _text(envelope),
                    "sent_ms": envelope.sent_at_ms})
        if self._settings.echo and envelope.HasField("text"):
            # Marked with what it answers: after a crash between the answer and the next line it is not said again.
            self.conversation(row.peer).send(envelope.text.text, once=f"echo {message_id(envelope)}")
            self.sessions.poke(row.peer)
        self.store.set_shown(row)
        if self._settings.echo:
            self._read(row.peer)

    # What the person does.

    def command(self, command: Event) -> None:
        """One command. Errors: ValueError for what cannot be done."""
        match command:
            case {"send": {"to": str(to), "text": str(text), **rest}} if isinstance(rest.get("once"), str | None):
                peer = self.nodes.find(to).node_id
                stored = self.conversation(peer).send(text, rest.get("once"))
                self._emit({"event": "queued", "id": stored, "to": to_text(peer), "once": rest.get("once")})
                self.sessions.poke(peer)
            case {"read": {"from": str(who)}}:
                self._read(self.nodes.find(who).node_id)
            case {"history": {"with": str(who)}}:
                for direction, row in self.store.history(self.nodes.find(who).node_id):
                    envelope = wire.chat.Envelope.FromString(row.envelope)
                    self._emit({"event": "history", "direction": direction, "id": message_id(envelope),
                                "text": _text(envelope)})
                self._emit({"event": "end"})
            case _:
                raise ValueError("unknown command; there are send, read and history")

    def _read(self, peer: bytes) -> None:
        if self.store.read_here(peer) and (session := self.sessions.current(peer)):
            session.say_read()


def _text(envelope: Any) -> str | None:
    return envelope.text.text if envelope.HasField("text") else None
