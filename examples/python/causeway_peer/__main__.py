"""The command line: JSON lines out, JSON commands in."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from .peer import Peer, Settings


def _settings() -> Settings:
    parser = argparse.ArgumentParser(prog="causeway_peer", description=__doc__)
    parser.add_argument("--name", required=True, help="the name that others see")
    parser.add_argument("--network", required=True, help="the network that this machine is in")
    parser.add_argument("--data", required=True, type=Path, help="where identity and history are kept")
    parser.add_argument("--interface-address", action="append", metavar="ADDRESS",
                        help="an address of an interface to be found on, IPv6 as `::1%%lo`; repeatable")
    parser.add_argument("--discovery-port", type=int, default=30002, metavar="PORT")
    parser.add_argument("--bridge", action="append", default=[], metavar="HOST:PORT[/NODEID]",
                        help="a bridge's control port; repeatable")
    parser.add_argument("--echo", action="store_true", help="answer each message with its own text")
    typed = parser.parse_args()
    return Settings(
        typed.name, typed.network, typed.data, typed.interface_address or ["0.0.0.0"], typed.discovery_port,
        typed.bridge, typed.echo,
    )


def _emit(event: dict[str, Any]) -> None:
    print(json.dumps(event, ensure_ascii=False), flush=True)


def _obey(peer: Peer, line: str) -> None:
    try:
        peer.command(json.loads(line))
    except ValueError as error:
        _emit({"event": "error", "command": line.strip(), "reason": str(error)})


def _read_commands(peer: Peer, loop: asyncio.AbstractEventLoop) -> None:
    # A thread, for standard input may be a file, which no event loop can wait for.
    for line in sys.stdin:
        if line.strip():
            loop.call_soon_threadsafe(_obey, peer, line)


async def _main() -> None:
    peer = Peer(_settings(), _emit)
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(peer.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    threading.Thread(target=_read_commands, args=(peer, loop), daemon=True).start()
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    logging.basicConfig(level=os.environ.get("CAUSEWAY_LOG", "warning").upper(), stream=sys.stderr,
                        format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(_main())
    # The reading thread may hold standard input; nothing is left to be done.
    sys.stdout.flush()
    os._exit(0)
