"""Whom this node knows: descriptions with their certificates, where nodes were heard, and by which bridge they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import wire
from .identity import from_text, pem, to_text
from .records import Record

# How long an announcement is believed, on this machine's clock, seconds.
LEASE = 15.0
# How long one with the same sequence counts as another address of the node, seconds.
SAME_ANNOUNCEMENT = 2.0
# Anybody on the LAN can make up nodes: those that nobody ever talked with make room at this number.
KNOWN_LIMIT = 1024


@dataclass
class Known:
    """What is known of one node."""

    node_id: bytes
    description: Record | None = None
    announcement: Any = None
    heard_at: float = 0.0
    # Where it was heard, the latest first.
    hosts: list[str] = field(default_factory=list)
    # By the id of the bridge that tells of it.
    routes: dict[bytes, Any] = field(default_factory=dict)
    told_online: bool = False

    @property
    def name(self) -> str:
        """For people; the beginning of the id while there is no description."""
        return self.description.message.name if self.description else to_text(self.node_id)[:8]

    @property
    def on_lan(self) -> bool:
        """Whether its lease runs."""
        return bool(self.hosts) and time.monotonic() - self.heard_at < LEASE

    @property
    def kind(self) -> int:
        """Peer, bridge or dispatcher, once described."""
        return self.description.message.kind if self.description else wire.node.NODE_KIND_UNSPECIFIED

    @property
    def online(self) -> bool:
        """Whether it can be dialled now."""
        return self.description is not None and (self.on_lan or bool(self.routes))


class Nodes:
    """All known nodes. `on_change` is called with each that came into reach or left it."""

    def __init__(self, own: bytes, own_certificate: bytes, on_change: Callable[[Known], None]) -> None:
        self._own = own
        self._own_certificate = own_certificate
        self._on_change = on_change
        self._known: dict[bytes, Known] = {}
        self._kept: set[bytes] = set()
        # Called when the set of certificates has changed.
        self.on_certificates: Callable[[bytes], None] = lambda roots: None

    def keep(self, node_id: bytes) -> None:
        """This node never makes room for another: there are messages with it."""
        self._kept.add(node_id)

    def __getitem__(self, node_id: bytes) -> Known:
        if node_id not in self._known:
            self._make_room()
            self._known[node_id] = Known(node_id)
        return self._known[node_id]

    def _make_room(self) -> None:
        if len(self._known) >= KNOWN_LIMIT:
            loose = [known for known in self._known.values() if known.node_id not in self._kept and not known.routes]
            if loose:
                del self._known[min(loose, key=lambda known: known.heard_at).node_id]

    def all(self) -> list[Known]:
        """Every one of them."""
        return list(self._known.values())

    def hear(self, announcement: Any, host: str) -> bool:
        """Takes an announcement in, from this host. True if the description that it names is missing."""
        if announcement.node_id == self._own:
            return False
        known, now = self[announcement.node_id], time.monotonic()
        before = known.announcement.sequence if known.announcement else 0
        if announcement.sequence < before:
            return False
        if announcement.sequence == before:
            if now - known.heard_at < SAME_ANNOUNCEMENT and host not in known.hosts:
                known.hosts.append(host)
            return self._lacks_description(known)
        if announcement.sequence >> 24 != before >> 24:
            known.hosts = []
        known.announcement, known.heard_at = announcement, now
        known.hosts = [host] + [other for other in known.hosts if other != host][:3]
        self._tell(known)
        return self._lacks_description(known)

    def leave(self, announcement: Any) -> None:
        """The node said goodbye."""
        known = self._known.get(announcement.node_id)
        if known and (known.announcement is None or announcement.sequence >= known.announcement.sequence):
            known.announcement, known.hosts = announcement, []
            self._tell(known)

    def learn(self, description: Record) -> None:
        """Takes a description in: of two, the one with the higher sequence counts."""
        node_id = description.message.node_id
        known = self[node_id]
        if node_id == self._own:
            return
        if known.description and known.description.message.sequence >= description.message.sequence:
            return
        known.description = description
        self.on_certificates(self.roots())
        self._tell(known)

    def route(self, bridge: bytes, remote: Any | None, node_id: bytes) -> None:
        """A bridge tells that it can, or no longer can, carry streams to a node."""
        known = self[node_id]
        if remote is None:
            known.routes.pop(bridge, None)
        else:
            known.routes[bridge] = remote
        self._tell(known)

    def expire(self) -> None:
        """To be called now and then: whose lease ran out is gone."""
        for known in self._known.values():
            if known.hosts and not known.on_lan:
                known.hosts = []
                self._tell(known)

    def roots(self) -> bytes:
        """The certificates of all known nodes, for a server that has to know its callers'. The own one keeps the list
        from being empty, which gRPC refuses."""
        described = [known.description.message.certificate for known in self._known.values() if known.description]
        return b"".join(pem(certificate) for certificate in [self._own_certificate, *described])

    def find(self, text: str) -> Known:
        """The peer with this id or name; ValueError says why there is none."""
        try:
            return self[from_text(text)]
        except ValueError:
            pass
        found = [known for known in self._known.values() if known.description and known.name == text]
        if len(found) != 1:
            raise ValueError(f"{'nobody' if not found else 'more than one'} known is called {text}")
        return found[0]

    def _lacks_description(self, known: Known) -> bool:
        return known.description is None or known.description.hash != known.announcement.description_hash

    def _tell(self, known: Known) -> None:
        # Also when nothing seems new: another way to a peer may be the one that works.
        if known.online or known.told_online:
            self._on_change(known)
