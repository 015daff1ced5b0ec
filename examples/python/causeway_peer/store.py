"""What a peer durably knows: its own messages and those of others, each committed before anything is said about it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from blake3 import blake3

MESSAGE_CONTEXT = "causeway/message/1"
NO_HASH = bytes(32)
# The receiver names at most this many epochs in Hello and Unblocked.
HOLDINGS_LIMIT = 64

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS nodes (node_id BLOB PRIMARY KEY, body BLOB, signature BLOB);
CREATE TABLE IF NOT EXISTS epochs (number INTEGER PRIMARY KEY AUTOINCREMENT, epoch BLOB UNIQUE);
CREATE TABLE IF NOT EXISTS outgoing (
  id INTEGER PRIMARY KEY AUTOINCREMENT, peer BLOB, epoch BLOB, sequence INTEGER, envelope BLOB, hash BLOB,
  once TEXT UNIQUE, delivered_ms INTEGER, read_ms INTEGER, renumbered INTEGER DEFAULT 0,
  UNIQUE (peer, epoch, sequence));
CREATE INDEX IF NOT EXISTS waiting ON outgoing (peer) WHERE delivered_ms IS NULL AND NOT renumbered;
CREATE TABLE IF NOT EXISTS incoming (
  id INTEGER PRIMARY KEY AUTOINCREMENT, peer BLOB, epoch BLOB, sequence INTEGER, envelope BLOB, hash BLOB,
  shown INTEGER DEFAULT 0, read_ms INTEGER, UNIQUE (peer, epoch, sequence));
"""


@dataclass(frozen=True)
class Row:
    """A stored message, own or received."""

    id: int
    peer: bytes
    epoch: bytes
    sequence: int
    envelope: bytes
    hash: bytes


def chain(previous: bytes, envelope: bytes) -> bytes:
    """The chain hash of a message."""
    return blake3(previous + envelope, derive_key_context=MESSAGE_CONTEXT).digest()


def now_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return int(time.time() * 1000)


class Store:
    """One SQLite file. Every method that changes something has it on the disk when it returns."""

    _ROW = "SELECT id, peer, epoch, sequence, envelope, hash FROM"

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "history.sqlite3", isolation_level=None)
        # FULL makes a commit in the write-ahead log an fsync.
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA locking_mode = EXCLUSIVE;")
        self._db.executescript(_SCHEMA)
        # A copy of this file from a backup would know the same last epoch: each start has one of its own.
        self.open_epoch()

    def close(self) -> None:
        """Nothing may be called afterwards."""
        self._db.close()

    def meta(self, key: str) -> str | None:
        """A single value."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Sets a single value."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def remember_node(self, node_id: bytes, body: bytes, signature: bytes) -> None:
        """Keeps the signed description of somebody there are messages with, for the certificate and the name in it."""
        self._db.execute("INSERT OR REPLACE INTO nodes VALUES (?, ?, ?)", (node_id, body, signature))

    def nodes(self) -> list[tuple[bytes, bytes]]:
        """The signed descriptions kept, as body and signature."""
        return self._db.execute("SELECT body, signature FROM nodes").fetchall()

    def open_epoch(self) -> None:
        """From here on own messages are numbered anew."""
        self.epoch = os.urandom(16)
        self._db.execute("INSERT INTO epochs (epoch) VALUES (?)", (self.epoch,))

    # Own messages.

    def next_number(self, peer: bytes) -> tuple[int, bytes]:
        """The number of the next message to a peer, and the chain hash before it."""
        row = self._db.execute(
            "SELECT sequence, hash FROM outgoing WHERE peer = ? AND epoch = ? ORDER BY sequence DESC LIMIT 1",
            (peer, self.epoch),
        ).fetchone()
        return (row[0] + 1, row[1]) if row else (1, NO_HASH)

    def queue(self, peer: bytes, sequence: int, envelope: bytes, digest: bytes, once: str | None) -> bool:
        """Stores an own message. False if one with the same `once` was stored before."""
        try:
            self._db.execute(
                "INSERT INTO outgoing (peer, epoch, sequence, envelope, hash, once) VALUES (?, ?, ?, ?, ?, ?)",
                (peer, self.epoch, sequence, envelope, digest, once),
            )
        except sqlite3.IntegrityError:
            if once is None:
                raise
            return False
        return True

    def queued_once(self, once: str) -> bool:
        """Whether a message with this mark was stored."""
        return self._db.execute("SELECT 1 FROM outgoing WHERE once = ?", (once,)).fetchone() is not None

    def has_unacknowledged(self, peer: bytes) -> bool:
        """Whether something waits for a peer."""
        query = "SELECT 1 FROM outgoing WHERE peer = ? AND delivered_ms IS NULL AND NOT renumbered LIMIT 1"
        return self._db.execute(query, (peer,)).fetchone() is not None

    def epochs_to(self, peer: bytes) -> list[tuple[bytes, int, bool]]:
        """The epochs in which a peer was written to: epoch, last number, whether all of it is acknowledged."""
        query = """SELECT epoch, MAX(sequence), COUNT(*) = COUNT(delivered_ms) FROM outgoing WHERE peer = ?
                   GROUP BY epoch ORDER BY MIN(id)"""
        return [(epoch, last, bool(whole)) for epoch, last, whole in self._db.execute(query, (peer,))]

    def sent_hash(self, peer: bytes, epoch: bytes, sequence: int) -> bytes | None:
        """The chain hash of an own message."""
        query = "SELECT hash FROM outgoing WHERE peer = ? AND epoch = ? AND sequence = ?"
        row = self._db.execute(query, (peer, epoch, sequence)).fetchone()
        return row[0] if row else None

    def next_outgoing(self, peer: bytes, after: int) -> Row | None:
        """The first message to a peer behind an `id`; ids follow the order of epochs and numbers."""
        query = f"{self._ROW} outgoing WHERE peer = ? AND id > ? AND NOT renumbered ORDER BY id LIMIT 1"
        row = self._db.execute(query, (peer, after)).fetchone()
        return Row(*row) if row else None

    def id_before(self, peer: bytes, epoch: bytes, sequence: int) -> int:
        """One less than the `id` of an own message."""
        query = "SELECT id - 1 FROM outgoing WHERE peer = ? AND epoch = ? AND sequence = ?"
        return self._db.execute(query, (peer, epoch, sequence)).fetchone()[0]

    def last_id(self) -> int:
        """The `id` of the last own message to anybody."""
        return self._db.execute("SELECT IFNULL(MAX(id), 0) FROM outgoing").fetchone()[0]

    def mark_outgoing(self, what: str, peer: bytes, epoch: bytes, through: int, at_ms: int) -> list[Row]:
        """Marks own messages as `delivered` or `read`; gives those that were not before."""
        column = {"delivered": "delivered_ms", "read": "read_ms"}[what]
        where = f"WHERE peer = ? AND epoch = ? AND sequence <= ? AND NOT renumbered AND {column} IS NULL"
        query = f"{self._ROW} outgoing {where} ORDER BY id"
        found = [Row(*row) for row in self._db.execute(query, (peer, epoch, through))]
        if found:
            self._db.execute(f"UPDATE outgoing SET {column} = ? {where}", (at_ms, peer, epoch, through))
        return found

    def take_back(self, peer: bytes, epoch: bytes) -> list[Row]:
        """What was not acknowledged from an epoch on, to be numbered again; it is not sent under its old numbers."""
        where = """WHERE peer = ? AND delivered_ms IS NULL AND NOT renumbered
                   AND id >= (SELECT MIN(id) FROM outgoing WHERE peer = ? AND epoch = ?)"""
        return [Row(*row) for row in self._db.execute(f"{self._ROW} outgoing {where} ORDER BY id", (peer, peer, epoch))]

    def renumber(self, taken: list[Row], anew: list[tuple[int, bytes, bytes]]) -> None:
        """Stores messages under new numbers (number, envelope, hash) in the epoch of now, all or none of them."""
        self._db.execute("BEGIN IMMEDIATE")
        # Commits at the end, and takes everything back on an exception.
        with self._db:
            for row, (sequence, envelope, digest) in zip(taken, anew, strict=True):
                (once,) = self._db.execute("SELECT once FROM outgoing WHERE id = ?", (row.id,)).fetchone()
                self._db.execute("UPDATE outgoing SET renumbered = 1, once = NULL WHERE id = ?", (row.id,))
                self.queue(row.peer, sequence, envelope, digest, once)

    # Received messages.

    def held(self, peer: bytes, epoch: bytes) -> tuple[int, bytes]:
        """How far a peer's epoch is stored, and the chain hash there."""
        query = "SELECT sequence, hash FROM incoming WHERE peer = ? AND epoch = ? ORDER BY sequence DESC LIMIT 1"
        row = self._db.execute(query, (peer, epoch)).fetchone()
        return (row[0], row[1]) if row else (0, NO_HASH)

    def held_hash(self, peer: bytes, epoch: bytes, sequence: int) -> bytes | None:
        """The chain hash of a received message."""
        query = "SELECT hash FROM incoming WHERE peer = ? AND epoch = ? AND sequence = ?"
        row = self._db.execute(query, (peer, epoch, sequence)).fetchone()
        return row[0] if row else None

    def holdings(self, peer: bytes) -> list[tuple[bytes, int, bytes]]:
        """What is held of a peer's messages, the newest epochs only, the newest last."""
        query = "SELECT epoch FROM incoming WHERE peer = ? GROUP BY epoch ORDER BY MIN(id) DESC LIMIT ?"
        epochs = [row[0] for row in self._db.execute(query, (peer, HOLDINGS_LIMIT))]
        return [(epoch, *self.held(peer, epoch)) for epoch in reversed(epochs)]

    def receive(self, row: Row) -> Row:
        """Stores a received message; its `id` is given here. Errors: OSError without room."""
        try:
            cursor = self._db.execute(
                "INSERT INTO incoming (peer, epoch, sequence, envelope, hash) VALUES (?, ?, ?, ?, ?)",
                (row.peer, row.epoch, row.sequence, row.envelope, row.hash),
            )
        except sqlite3.OperationalError as error:
            raise OSError(f"cannot store: {error}") from error
        return replace(row, id=cursor.lastrowid)

    def has_room(self) -> bool:
        """Whether a message of the largest size can be stored."""
        try:
            self.set_meta("room", "x" * 2**18)
            self.set_meta("room", "")
        except sqlite3.OperationalError:
            return False
        return True

    def not_shown(self) -> list[Row]:
        """What was received and not shown yet, as after a crash in between."""
        return [Row(*row) for row in self._db.execute(f"{self._ROW} incoming WHERE NOT shown ORDER BY id")]

    def set_shown(self, row: Row) -> None:
        """The message was shown."""
        self._db.execute("UPDATE incoming SET shown = 1 WHERE id = ?", (row.id,))

    def read_here(self, peer: bytes) -> bool:
        """All that was shown of a peer's messages is read. False if it was already."""
        query = "UPDATE incoming SET read_ms = ? WHERE peer = ? AND shown AND read_ms IS NULL"
        return self._db.execute(query, (now_ms(), peer)).rowcount > 0

    def read_marks(self, peer: bytes) -> list[tuple[bytes, int, int]]:
        """How far a peer's two newest epochs are read: epoch, number, time."""
        query = """SELECT epoch, MAX(sequence), MAX(read_ms) FROM incoming WHERE peer = ? AND read_ms IS NOT NULL
                   GROUP BY epoch ORDER BY MIN(id) DESC LIMIT 2"""
        return self._db.execute(query, (peer,)).fetchall()

    def history(self, peer: bytes) -> Iterator[tuple[str, Row]]:
        """Both directions of a conversation, each in its order."""
        for direction, table, extra in (("out", "outgoing", "AND NOT renumbered"), ("in", "incoming", "")):
            for row in self._db.execute(f"{self._ROW} {table} WHERE peer = ? {extra} ORDER BY id", (peer,)):
                yield direction, Row(*row)
