"""Being found on the LAN: announcements by multicast, over IPv4 or IPv6."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
import socket
import struct
from collections.abc import Callable
from typing import Any

from . import wire
from .identity import BadRecord
from .records import OwnRecords, open_datagram

GROUP_V4 = "239.255.67.87"
GROUP_V6 = "ff12::8043:5759"
# Between announcements, seconds: at the start, and while nothing changes.
FASTEST, SLOWEST = 1.0, 5.0
HINTS_LIMIT = 32
# Linux's IP_MULTICAST_ALL, which Python has no name for: off, or the socket hears groups that others joined.
IP_MULTICAST_ALL = 49

log = logging.getLogger("discovery")


class Interface(asyncio.DatagramProtocol):
    """One interface, named by an address of it: a socket for the group, and one to send from and be answered at.

    An IPv6 address is written with its zone, as `::1%lo`.
    """

    def __init__(self, address: str, port: int, on_datagram: Callable[[bytes, Any, Interface], None]) -> None:
        self.address, _, zone = address.partition("%")
        self.v6 = ":" in self.address
        self._port, self._on_datagram = port, on_datagram
        self._index = socket.if_nametoindex(zone) if zone else 0
        self._sender: asyncio.DatagramTransport | None = None
        self._group: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Joins the group."""
        loop = asyncio.get_running_loop()
        self._group, _ = await loop.create_datagram_endpoint(lambda: self, sock=self._group_socket())
        self._sender, _ = await loop.create_datagram_endpoint(lambda: self, sock=self._sender_socket())

    def _group_socket(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if self.v6 else socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if self.v6:
            member = socket.inet_pton(socket.AF_INET6, GROUP_V6) + struct.pack("@I", self._index)
            sock.bind((GROUP_V6, self._port, 0, self._index))
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
        else:
            sock.bind((GROUP_V4, self._port))
            sock.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
            member = socket.inet_aton(GROUP_V4) + socket.inet_aton(self.address)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        return sock

    def _sender_socket(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if self.v6 else socket.AF_INET, socket.SOCK_DGRAM)
        if self.v6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self._index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
            sock.bind((self.address, 0, 0, self._index))
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self.address))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            sock.bind((self.address, 0))
        return sock

    def datagram_received(self, data: bytes, source: Any) -> None:
        """Called by asyncio."""
        self._on_datagram(data, source, self)

    def error_received(self, error: OSError) -> None:
        """Called by asyncio; the next announcement tries again."""
        log.debug("%s: %s", self.address, error)

    def send(self, data: bytes, to: Any = None) -> None:
        """Sends to the group, or to one node."""
        group = (GROUP_V6, self._port, 0, self._index) if self.v6 else (GROUP_V4, self._port)
        if self._sender:
            self._sender.sendto(data, to or group)

    def close(self) -> None:
        """Leaves the group."""
        for transport in (self._sender, self._group):
            if transport:
                transport.close()


class Discovery:
    """Announces this node on its interfaces and hears the others.

    `on_heard(announcement, host)` and `on_goodbye(announcement)` get announcements of the own network that hold;
    `on_hint(node_id, host, port)` gets hints, which prove nothing yet.
    """

    def __init__(self, own: OwnRecords, addresses: list[str], port: int) -> None:
        self._own = own
        self._interfaces = [Interface(address, port, self._on_datagram) for address in addresses]
        self._pause = FASTEST
        self._hurry = asyncio.Event()
        self.on_heard: Callable[[Any, str], None] = lambda announcement, host: None
        self.on_goodbye: Callable[[Any], None] = lambda announcement: None
        self.on_hint: Callable[[bytes, str, int], None] = lambda node_id, host, port: None

    async def run(self) -> None:
        """Until cancelled; says goodbye then."""
        for interface in self._interfaces:
            await interface.open()
        try:
            self._send(wire.node.Datagram.KIND_QUERY)
            while True:
                try:
                    await asyncio.wait_for(self._hurry.wait(), self._pause * random.uniform(0.9, 1.1))
                except TimeoutError:
                    self._pause = min(self._pause * 1.5, SLOWEST)
                self._hurry.clear()
                self._send(wire.node.Datagram.KIND_ANNOUNCE)
        finally:
            self._send(wire.node.Datagram.KIND_GOODBYE)
            for interface in self._interfaces:
                interface.close()

    def hurry(self) -> None:
        """Something about this node changed: announce at once, and often for a while."""
        self._pause = FASTEST
        self._hurry.set()

    def _send(self, kind: int) -> None:
        self._own.announce()
        data = self._own.datagram(kind)
        for interface in self._interfaces:
            interface.send(data)

    def _on_datagram(self, data: bytes, source: Any, interface: Interface) -> None:
        try:
            datagram, announcement = open_datagram(data)
        except BadRecord as error:
            log.debug("from %s: %s", source, error)
            return
        message = announcement.message
        if message.node_id == self._own.identity.node_id or not self._own.same_network(message.network):
            return
        if datagram.kind == wire.node.Datagram.KIND_GOODBYE:
            self.on_goodbye(message)
            return
        # Of a link-local address the zone is half of it.
        zone = f"%{source[3]}" if interface.v6 and source[3] else ""
        self.on_heard(message, source[0].partition("%")[0] + zone)
        if datagram.kind == wire.node.Datagram.KIND_QUERY:
            # At random moments, so that the answers of a whole LAN do not meet at the one that asks.
            asyncio.get_running_loop().call_later(random.uniform(0, 0.02), self._answer, source, interface)
        for hint in list(datagram.hints)[:HINTS_LIMIT]:
            self._on_hint(hint)

    def _answer(self, source: Any, interface: Interface) -> None:
        self._own.announce()
        interface.send(self._own.datagram(wire.node.Datagram.KIND_ANNOUNCE), source)

    def _on_hint(self, hint: Any) -> None:
        if len(hint.address) in (4, 16) and 0 < hint.port < 65536 and len(hint.node_id) == 32:
            address = ipaddress.ip_address(hint.address)
            # A hint is no proof: it must not make this node a tool against hosts elsewhere.
            if address.is_private and not address.is_multicast and not address.is_unspecified:
                self.on_hint(hint.node_id, str(address), hint.port)
