"""What nodes say of themselves: descriptions, announcements and datagrams, signed and checked.

Whatever is signed is kept and passed on as the bytes that came: a record holds the `Signed` next to what it decodes to.
"""

from __future__ import annotations

import time
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from blake3 import blake3
from google.protobuf.message import DecodeError

from . import wire
from .identity import BadRecord, Identity, certificate_node, verify
from .store import Store

MAGIC = b"CWY1"
DATAGRAM_LIMIT = 1232
DESCRIPTION_LIMIT = 4736
ANNOUNCEMENT_LIMIT = 512
HOMES_LIMIT = 4

_CONTEXTS = {
    wire.node.Description: "causeway/description/1",
    wire.node.Announcement: "causeway/announcement/1",
    wire.node.Datagram: "causeway/datagram/1",
}


@dataclass(frozen=True)
class Record:
    """A message that its author signed, with the exact bytes."""

    signed: Any
    message: Any

    @property
    def hash(self) -> bytes:
        """BLAKE3 of the body, by which an announcement names a description."""
        return blake3(self.signed.body).digest()


def sign(identity: Identity, message: Any) -> Record:
    """Encodes and signs."""
    body = message.SerializeToString()
    return Record(wire.node.Signed(body=body, signature=identity.sign(_CONTEXTS[type(message)], body)), message)


def _open(kind: type, signed: Any, author: bytes | None = None) -> Record:
    try:
        message = kind.FromString(signed.body)
    except DecodeError:
        raise BadRecord(f"not a {kind.__name__}") from None
    verify(author or message.node_id, _CONTEXTS[kind], signed.body, signed.signature)
    return Record(signed, message)


def open_description(signed: Any) -> Record:
    """A checked description; its certificate belongs to its author."""
    if len(signed.body) > DESCRIPTION_LIMIT:
        raise BadRecord("the description is too large")
    record = _open(wire.node.Description, signed)
    _check_name(record.message.name, 64)
    if certificate_node(record.message.certificate) != record.message.node_id:
        raise BadRecord("the certificate is another node's")
    return record


def open_announcement(signed: Any) -> Record:
    """A checked announcement."""
    if len(signed.body) > ANNOUNCEMENT_LIMIT:
        raise BadRecord("the announcement is too large")
    record = _open(wire.node.Announcement, signed)
    message = record.message
    _check_name(message.network.name, 32)
    if len(message.description_hash) != 32 or len(message.network.id) not in (0, 16):
        raise BadRecord("a hash has 32 bytes and a network's id 16")
    if len(message.homes) > HOMES_LIMIT or any(len(home) != 32 for home in message.homes):
        raise BadRecord("the homes are not of the form that the protocol names")
    return record


def open_pair(description: Any, announcement: Any) -> tuple[Record, Record]:
    """Both records of one node, the description being the one that the announcement names."""
    pair = open_description(description), open_announcement(announcement)
    if pair[0].message.node_id != pair[1].message.node_id or pair[0].hash != pair[1].message.description_hash:
        raise BadRecord("description and announcement do not belong together")
    return pair


def open_datagram(data: bytes) -> tuple[Any, Record]:
    """A checked datagram and the announcement in it."""
    if len(data) > DATAGRAM_LIMIT or data[:4] != MAGIC:
        raise BadRecord("not a datagram of this protocol")
    try:
        signed = wire.node.Signed.FromString(data[4:])
        inner = wire.node.Datagram.FromString(signed.body)
    except DecodeError:
        raise BadRecord("not a datagram of this protocol") from None
    announcement = open_announcement(inner.announcement)
    return _open(wire.node.Datagram, signed, announcement.message.node_id).message, announcement


def _check_name(name: str, limit: int) -> None:
    if not 1 <= len(name.encode()) <= limit or any(unicodedata.category(letter) == "Cc" for letter in name):
        raise BadRecord("a name that is empty, too long, or holds control characters")


@dataclass
class OwnRecords:
    """This node's own description and announcements. Ports, homes and the network's id are set as they come."""

    identity: Identity
    store: Store
    name: str
    network: str
    network_id: bytes = b""
    ports: Any = field(default_factory=wire.node.Ports)
    homes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        _check_name(self.name, 64)
        _check_name(self.network, 32)
        self.description = self._description()
        start = max(int(self.store.meta("start") or 0) + 1, int(time.time()))
        self.store.set_meta("start", str(start))
        self._sequence = start << 24
        self.latest = self.announce()

    def _description(self) -> Record:
        """The stored one while it still says what is so; else a new one with a higher sequence."""
        sequence = 0
        if stored := self.store.meta("description"):
            record = open_description(wire.node.Signed.FromString(bytes.fromhex(stored)))
            if (record.message.name, record.message.certificate) == (self.name, self.identity.certificate):
                return record
            sequence = record.message.sequence
        message = wire.node.Description(
            node_id=self.identity.node_id,
            kind=wire.node.NODE_KIND_PEER,
            name=self.name,
            sequence=sequence + 1,
            certificate=self.identity.certificate,
        )
        record = sign(self.identity, message)
        self.store.set_meta("description", record.signed.SerializeToString().hex())
        return record

    def announce(self) -> Record:
        """A new announcement, which is the latest from then on."""
        self._sequence += 1
        message = wire.node.Announcement(
            node_id=self.identity.node_id,
            sequence=self._sequence,
            kind=wire.node.NODE_KIND_PEER,
            network=wire.node.Network(name=self.network, id=self.network_id),
            ports=self.ports,
            homes=self.homes[:HOMES_LIMIT],
            description_hash=self.description.hash,
        )
        self.latest = sign(self.identity, message)
        return self.latest

    def datagram(self, kind: int) -> bytes:
        """What one UDP datagram carries, with the latest announcement."""
        inner = wire.node.Datagram(kind=kind, announcement=self.latest.signed)
        return MAGIC + sign(self.identity, inner).signed.SerializeToString()

    def same_network(self, network: Any) -> bool:
        """Whether somebody is in this network; takes the network's id over if only the other knows it."""
        if network.name != self.network:
            return False
        if network.id and not self.network_id:
            self.network_id = network.id
            self.announce()
        return not network.id or network.id == self.network_id
