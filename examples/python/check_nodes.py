"""Running nodes for check.py: the real program and the Python peer, each with a data directory of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

# How long anything may take on a busy machine, seconds.
GENEROUS = 40.0


def eventually(what: str, condition: Callable[[], Any]) -> Any:
    """Waits until a condition holds, and gives what it gave."""
    deadline = time.monotonic() + GENEROUS
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"in vain: {what}")


class Stage:
    """A folder, networks that no other run has, and the processes on it, which end with it."""

    def __init__(self, program: Path, folder: Path, cache: Path) -> None:
        folder.mkdir(parents=True)
        self.program, self.folder, self.discovery_port = program, folder, self.free_port()
        self._suffix = uuid.uuid4().hex[:8]
        self.nodes: list[Process] = []
        # Nothing of this machine's own settings.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CAUSEWAY_")}
        self.environment |= {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "NO_COLOR": "1",
                             "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state"),
                             "XDG_CACHE_HOME": str(cache), "CAUSEWAY_LOG": "debug"}
        self.environment.pop("XDG_RUNTIME_DIR", None)
        # Scripts find the program under its name, whatever it is called here.
        (folder / "bin").mkdir()
        (folder / "bin" / "causeway").symlink_to(program)
        self.environment["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.kill()

    @staticmethod
    def free_port() -> int:
        """A UDP port that is free now."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("", 0))
            return probe.getsockname()[1]

    def network(self, name: str) -> str:
        """A network of this stage."""
        return f"{name}-{self._suffix}"

    def fact(self, what: str, holds: bool = True) -> None:
        """Prints a fact, or fails."""
        if not holds:
            raise AssertionError(what)
        print(f"ok: {what}", flush=True)

    def peer(self, name: str, network: str) -> Node:
        """A peer of the real program."""
        return Node(self, name, ["peer", "--name", name, "--network", self.network(network), "--ui", "off"])

    def bridge(self, name: str, network: str) -> Node:
        """A bridge of the real program."""
        ports = ["--metrics-port", "0"]
        return Node(self, name, ["bridge", "--name", name, "--network", self.network(network), *ports])

    def python(self, name: str, network: str, *more: str, discovery_port: int = 0) -> PythonPeer:
        """A Python peer."""
        port = str(discovery_port or self.discovery_port)
        arguments = ["--name", name, "--network", self.network(network), "--interface-address", "127.0.0.1"]
        return PythonPeer(self, name, [*arguments, "--discovery-port", port, *more])

    def script(self, path: Path, node: Node) -> Script:
        """A script that uses a running node."""
        return Script(self, path, node)

    def tell_logs(self) -> None:
        """For whoever reads about a failure."""
        for node in self.nodes:
            lines = node.log.read_text(errors="replace").splitlines() if node.log.exists() else []
            print(f"--- {node.name}", *[line for line in lines if "cygrpc" not in line][-25:], sep="\n")


class Process:
    """A process that can be started again."""

    def __init__(self, stage: Stage, name: str, arguments: list[str]) -> None:
        self.stage, self.name, self.arguments = stage, name, arguments
        self.data, self.log = stage.folder / name, stage.folder / f"{name}.log"
        self.process: subprocess.Popen[str] | None = None
        stage.nodes.append(self)

    def launch(self, command: list[str], **pipes: Any) -> None:
        """Starts it; its standard error goes to its log."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--data", str(self.data)], env=self.stage.environment, stderr=log, text=True, **pipes
            )

    def kill(self) -> None:
        """kill -9, and waits for the end."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """An orderly end."""
        assert self.process
        self.process.terminate()
        if self.process.wait(GENEROUS) != 0:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}")
        self.process = None


class Node(Process):
    """The real program as a peer or a bridge."""

    def start(self) -> Node:
        """Starts it and waits until it answers."""
        place = ["--interface", "lo", "--listen", "127.0.0.1", "--discovery-port", str(self.stage.discovery_port)]
        command = [str(self.stage.program), *self.arguments, *place]
        self.launch(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        eventually(f"{self.name} answers", lambda: self._run("status", "--json").returncode == 0)
        return self

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.stage.program), *arguments, "--data", str(self.data)]
        return subprocess.run(command, env=self.stage.environment | {"CAUSEWAY_LOG": "error"}, capture_output=True,
                              text=True, timeout=GENEROUS, stdin=subprocess.DEVNULL)

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        """A command that must succeed, and its JSON lines."""
        answer = self._run(*arguments, "--json")
        if answer.returncode != 0:
            raise AssertionError(f"{self.name} {arguments}: {answer.returncode} {answer.stdout}{answer.stderr}")
        return [json.loads(line) for line in answer.stdout.splitlines() if line.strip()]

    def id(self) -> str:
        """Its node id."""
        return self._run("id").stdout.strip()

    def port(self, name: str) -> int:
        """A port that it listens on."""
        listening = dict(entry.split(" ", 1) for entry in self.json("status")[0]["listening"])
        return int(listening[name].removesuffix("/udp").rpartition(":")[2])

    def known(self, name: str, state: str) -> bool:
        """Whether it knows somebody in that state."""
        return any(peer["name"] == name and peer["state"] == state for peer in self.json("peers"))

    def texts(self, sender: str) -> list[str]:
        """What was received from somebody, in order."""
        return [item["text"] for item in self.json("inbox", "--from", sender) if item["direction"] == "in"]

    def state(self, message: str) -> str:
        """The state of a message."""
        return next(item["state"] for item in self.json("inbox") if item["id"] == message)


class PythonPeer(Process):
    """The peer of this folder."""

    def start(self) -> PythonPeer:
        """Starts it and waits until it is ready. What an earlier run told stays known."""
        command = [sys.executable, "-m", "causeway_peer", *self.arguments]
        self.told: list[dict[str, Any]] = getattr(self, "told", [])
        self._from = len(self.told)
        self.launch(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parent)
        threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True).start()
        self.wait("ready")
        return self

    def _listen(self, output: Any) -> None:
        for line in output:
            self.told.append(json.loads(line))

    def say(self, command: dict[str, Any]) -> None:
        """Gives a command."""
        assert self.process and self.process.stdin
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def send(self, to: str, text: str) -> None:
        """Sends a text; given twice, it is sent once."""
        self.say({"send": {"to": to, "text": text, "once": f"{to} {text}"}})

    def wait(self, event: str, **fields: Any) -> dict[str, Any]:
        """Waits until it tells this, since its last start."""

        def find() -> dict[str, Any] | None:
            wanted = {"event": event} | fields
            return next((told for told in self.told[self._from :] if wanted.items() <= told.items()), None)

        return eventually(f"{self.name} tells {event} {fields}", find)

    def count(self, event: str) -> int:
        """How often it told this, over all its starts."""
        return sum(told["event"] == event for told in self.told)

    def history(self, other: str, direction: str) -> list[str]:
        """The texts of a conversation that it has stored."""
        begin = len(self.told)
        self.say({"history": {"with": other}})
        eventually("the history ends", lambda: any(told["event"] == "end" for told in self.told[begin:]))
        return [told["text"] for told in self.told[begin:] if told.get("direction") == direction]

    def change(self, statement: str) -> None:
        """Changes the stored history of a peer that does not run."""
        with sqlite3.connect(self.data / "history.sqlite3") as database:
            database.execute(statement)
        database.close()


class Script(Process):
    """A script on top of a node's command line, which says on its standard error when it waits."""

    def __init__(self, stage: Stage, path: Path, node: Node) -> None:
        super().__init__(stage, path.stem, [str(path)])
        self.data = node.data

    def start(self) -> Script:
        """Starts it and waits until it waits."""
        before = self.log.stat().st_size if self.log.exists() else 0
        self.launch(self.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        eventually(f"{self.name} waits", lambda: "waiting" in self.log.read_text()[before:])
        return self

    def kill(self) -> None:
        """kill -9 of the script and of what it started."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
        super().kill()
