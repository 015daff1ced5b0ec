"""The conversation with one peer: numbers, chain hashes and receipts. No session, no socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from . import wire
from .identity import to_text
from .store import HOLDINGS_LIMIT, NO_HASH, Row, Store, chain, now_ms

ENVELOPE_LIMIT = 128 * 1024
TEXT_LIMIT = 64 * 1024

Holding = wire.chat.Holding


class ProtocolBroken(Exception):
    """The other side sent what the protocol does not allow."""


class NumberTaken(Exception):
    """A message does not follow what is held; `frame` tells the sender so."""

    def __init__(self, holding: Any, sequence: int, reason: str) -> None:
        super().__init__(reason)
        self.frame = wire.chat.Conflict(holding=holding, sequence=sequence, reason=reason)


def message_id(envelope: Any) -> str:
    """A message's name, as Causeway itself writes it."""
    who = f"{to_text(envelope.sender)[:8]}-{to_text(envelope.recipient)[:8]}"
    return f"{who}-{envelope.epoch[:6].hex()}-{envelope.sequence}"


@dataclass
class Conversation:
    """Everything said with one peer. `tell(kind, row)` hears of `message`, `delivered` and `read`."""

    store: Store
    own: bytes
    peer: bytes
    tell: Callable[[str, Row], None]
    name: str = ""

    # Own messages.

    def send(self, text: str, once: str | None = None) -> str | None:
        """Stores a message, durably, and gives its id; None if one with the same mark was stored before."""
        if len(text.encode()) > TEXT_LIMIT:
            raise ValueError("a text has at most 64 KiB")
        if once is not None and self.store.queued_once(once):
            return None
        envelope = wire.chat.Envelope(
            sender=self.own, recipient=self.peer, sent_at_ms=now_ms(), text=wire.chat.Text(text=text)
        )
        sequence, encoded, digest = self._numbered(envelope, *self.store.next_number(self.peer))
        self.store.queue(self.peer, sequence, encoded, digest, once)
        return message_id(envelope)

    def _numbered(self, envelope: Any, sequence: int, previous: bytes) -> tuple[int, bytes, bytes]:
        envelope.epoch, envelope.sequence = self.store.epoch, sequence
        encoded = envelope.SerializeToString()
        return sequence, encoded, chain(previous, encoded)

    def confirm(self, holdings: Any, at_ms: int = 0) -> dict[bytes, int]:
        """Takes in what the other holds of our messages. Gives how far each of our epochs need not be sent."""
        named = {holding.epoch: holding for holding in holdings}
        need_not: dict[bytes, int] = {}
        for epoch, last, acknowledged in self.store.epochs_to(self.peer):
            if holding := named.get(epoch):
                need_not[epoch] = self._confirm_one(holding, last, at_ms or now_ms())
            elif acknowledged and len(named) >= HOLDINGS_LIMIT:
                # The list was full: it names the newest epochs only.
                need_not[epoch] = last
        return need_not

    def _confirm_one(self, holding: Any, last: int, at_ms: int) -> int:
        epoch, through = holding.epoch, holding.through
        if through > last:
            # The other holds more: this history was restored from a backup, and its part is the beginning of theirs.
            through = last
        elif (self.store.sent_hash(self.peer, epoch, through) if through else NO_HASH) != holding.hash:
            self._number_anew(epoch)
            return last
        for row in self.store.mark_outgoing("delivered", self.peer, epoch, through, at_ms):
            self.tell("delivered", row)
        return through

    def _number_anew(self, epoch: bytes) -> None:
        """The other has other contents under our numbers. What it did not acknowledge is said again in a new epoch."""
        taken = self.store.take_back(self.peer, epoch)
        if taken or epoch == self.store.epoch:
            self.store.open_epoch()
        sequence, previous = self.store.next_number(self.peer)
        anew = []
        for row in taken:
            numbered = self._numbered(wire.chat.Envelope.FromString(row.envelope), sequence, previous)
            anew.append(numbered)
            sequence, previous = sequence + 1, numbered[2]
        self.store.renumber(taken, anew)

    def before_first_missing(self, held: dict[bytes, int]) -> int:
        """The `id` of our last message before the first that the other does not hold."""
        for epoch, last, _ in self.store.epochs_to(self.peer):
            if held.get(epoch, 0) < last:
                return self.store.id_before(self.peer, epoch, held.get(epoch, 0) + 1)
        return self.store.last_id()

    def read_there(self, epoch: bytes, through: int, at_ms: int) -> None:
        """The person at the other side has seen our messages up to there."""
        for row in self.store.mark_outgoing("read", self.peer, epoch, through, at_ms or now_ms()):
            self.tell("read", row)

    # Received messages.

    def holdings(self) -> list[Any]:
        """What is durably held of the other's messages."""
        found = self.store.holdings(self.peer)
        return [Holding(epoch=epoch, through=through, hash=digest) for epoch, through, digest in found]

    def receive(self, encoded: bytes) -> Any:
        """Stores a message, and gives what is held now. Errors: NumberTaken, ProtocolBroken, OSError without room."""
        envelope = self._opened(encoded)
        epoch, sequence = envelope.epoch, envelope.sequence
        through, digest = self.store.held(self.peer, epoch)
        holding = Holding(epoch=epoch, through=through, hash=digest)
        if sequence <= through:
            before = self.store.held_hash(self.peer, epoch, sequence - 1) if sequence > 1 else NO_HASH
            if chain(before, encoded) != self.store.held_hash(self.peer, epoch, sequence):
                raise NumberTaken(holding, sequence, "another content is held under this number")
            return holding
        if sequence != through + 1:
            raise NumberTaken(holding, sequence, f"it does not follow number {through}")
        row = self.store.receive(Row(0, self.peer, epoch, sequence, encoded, chain(digest, encoded)))
        self.tell("message", row)
        return Holding(epoch=epoch, through=sequence, hash=row.hash)

    def _opened(self, encoded: bytes) -> Any:
        if len(encoded) > ENVELOPE_LIMIT:
            raise ProtocolBroken("an envelope has at most 128 KiB")
        try:
            envelope = wire.chat.Envelope.FromString(encoded)
        except DecodeError:
            raise ProtocolBroken("an envelope that cannot be read") from None
        if (envelope.sender, envelope.recipient) != (self.peer, self.own):
            raise ProtocolBroken("an envelope of another sender or for another recipient")
        if len(envelope.epoch) != 16 or envelope.sequence == 0:
            raise ProtocolBroken("an epoch has 16 bytes, and numbers begin with 1")
        if len(envelope.text.text.encode()) > TEXT_LIMIT:
            raise ProtocolBroken("a text has at most 64 KiB")
        return envelope
