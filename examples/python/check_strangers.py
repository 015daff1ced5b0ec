"""Nodes whose certificates do not prove whom they belong to, for check.py."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc

from causeway_peer import wire
from causeway_peer.bridge import channel
from causeway_peer.greeting import CHANNEL_OPTIONS
from causeway_peer.identity import Identity, make_certificate
from causeway_peer.records import OwnRecords
from causeway_peer.store import Store

TIMEOUT = 10.0


def _identities() -> Iterator[tuple[str, Identity]]:
    right, other = Identity.make(), Identity.make()
    yield "right", right
    # The extension names this node, and another one's key has signed it.
    signature = other.sign("causeway/certificate/1", b"whatever")
    forged = make_certificate(right.node_id, right.tls_key, signature)
    yield "a certificate whose extension another key has signed", replace(right, certificate=forged)
    # A good certificate, but another node's.
    yield "another node's certificate", replace(right, certificate=other.certificate, tls_key=other.tls_key)


def greet_and_dial(ready: dict[str, Any], network: str) -> Iterator[tuple[str, str, str]]:
    """For each kind of identity, how greeting the Python peer ended, and dialling it after that."""
    for kind, identity in _identities():
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder))
            own = OwnRecords(identity, store, "stranger", network)
            yield kind, *asyncio.run(_try(own, ready))
            store.close()


async def _try(own: OwnRecords, ready: dict[str, Any]) -> tuple[str, str]:
    request = wire.greeting.GreetRequest(description=own.description.signed, announcement=own.latest.signed)
    greeted, dialled, answer = "OK", "OK", None
    address = f"127.0.0.1:{ready['greeting']}"
    async with grpc.aio.insecure_channel(address, CHANNEL_OPTIONS) as opened:
        stub = wire.greeting_service.GreetingStub(opened)
        try:
            answer = await stub.Greet(request, timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            greeted = error.code().name
        if answer is None:
            # A right identity gets what is needed to dial.
            with tempfile.TemporaryDirectory() as folder:
                store = Store(Path(folder))
                helper = OwnRecords(Identity.make(), store, "helper", "elsewhere")
                request = wire.greeting.GreetRequest(
                    description=helper.description.signed, announcement=helper.latest.signed
                )
                answer = await stub.Greet(request, timeout=TIMEOUT)
                store.close()
    certificate = wire.node.Description.FromString(answer.description.body).certificate
    async with channel(own, certificate, f"127.0.0.1:{ready['secure']}") as opened:
        call = wire.chat_service.ChatStub(opened).Session(timeout=TIMEOUT)
        try:
            await call.write(wire.chat.Frame(hello=wire.chat.Hello(session=os.urandom(16), epoch=own.store.epoch)))
            frame = await call.read()
            dialled = "OK" if frame is not grpc.aio.EOF and frame.HasField("hello") else (await call.code()).name
        except grpc.aio.AioRpcError as error:
            dialled = error.code().name
        except asyncio.InvalidStateError:
            dialled = (await call.code()).name
    return greeted, dialled
