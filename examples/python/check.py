#!/usr/bin/env python3
"""Runs the Python peer against the real program, on loopback, and prints one line per fact that holds.

    python check.py PROGRAM

PROGRAM is the built `causeway`. Everything is kept in a folder of its own, which goes with the processes at the end.
The exit code is 0 if all facts hold.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from check_nodes import Node, PythonPeer, Stage, eventually

MANY = 100


def one_lan(stage: Stage) -> None:
    """Found by multicast; messages both ways, with receipts."""
    anna, py = stage.peer("a", "lan").start(), stage.python("py", "lan").start()
    eventually("a knows py as online", lambda: anna.known("py", "online"))
    found = py.wait("peer", name="a", online=True)
    stage.fact(f"found each other by multicast, a being {found['id'][:8]}", found["via"] == "lan")

    sent = anna.json("send", "py", "hello, snake", "--wait", "20")[0]
    stage.fact("`causeway send --wait` reports at_peer", sent["state"] == "at_peer")
    came = py.wait("message", text="hello, snake")
    stage.fact("the Python peer has the message under the same id", came["id"] == sent["id"])
    py.say({"read": {"from": "a"}})
    eventually("a sees its message as read", lambda: anna.state(sent["id"]) == "read")
    stage.fact("after `read`, the sender sees it as read")

    py.send("a", "hello, ferry")
    queued = py.wait("queued", once="a hello, ferry")
    eventually("a has the answer", lambda: anna.texts("py") == ["hello, ferry"])
    py.wait("delivered", id=queued["id"])
    stage.fact("a message from Python arrives and is reported as delivered")
    anna.json("inbox", "--read-receipts")
    py.wait("read", id=queued["id"])
    stage.fact("and as read, once it is")


def kill_in_the_middle(stage: Stage) -> None:
    """kill -9 of the Python peer in the middle of many messages, in both directions."""
    anna, py = stage.peer("b", "kill").start(), stage.python("victim", "kill").start()
    eventually("b knows victim", lambda: anna.known("victim", "online"))
    py.wait("peer", name="b", online=True)
    there, back = ([f"{way} {number}" for number in range(MANY)] for way in ("there", "back"))
    sending = threading.Thread(target=lambda: [anna.json("send", "victim", text) for text in back])
    sending.start()
    for text in there[: MANY // 2]:
        py.send("b", text)
    eventually("some arrived both ways", lambda: py.count("delivered") > 5 and py.count("message") > 5)
    for text in there[MANY // 2 :]:
        py.send("b", text)
    py.kill()
    arrived, received = len(anna.texts("victim")), py.count("message")
    stage.fact(f"killed with {arrived} of {MANY} sent and {received} of {MANY} received", received < MANY)

    py.start()
    # What the killed process had not read from its standard input is said again; the marks keep it from being doubled.
    for text in there:
        py.send("b", text)
    sending.join()
    eventually("all of Python's arrived", lambda: len(anna.texts("victim")) >= MANY)
    stage.fact(f"all {MANY} from Python arrived once, in order", anna.texts("victim") == there)
    eventually("all of b's arrived", lambda: len(py.history("b", "in")) >= MANY)
    stage.fact(f"all {MANY} to Python arrived once, in order", py.history("b", "in") == back)
    eventually("nothing is queued", lambda: anna.json("status")[0]["queued"] == 0)
    stage.fact("and all are acknowledged")


def lost_history(stage: Stage) -> None:
    """Other contents under the same numbers, as after a restored backup, on either side."""
    carl, py = stage.peer("c", "loss").start(), stage.python("amnesiac", "loss").start()
    eventually("c knows amnesiac", lambda: carl.known("amnesiac", "online"))
    py.wait("peer", name="c", online=True)
    carl.json("send", "amnesiac", "one", "--wait", "20")
    py.send("c", "uno")
    py.wait("delivered")
    carl.kill()
    py.send("c", "due")
    py.wait("queued", once="c due")
    py.kill()
    carl.start()
    py.change("UPDATE outgoing SET hash = zeroblob(32) WHERE sequence = 1")
    py.start()
    eventually("both are there", lambda: carl.texts("amnesiac") == ["uno", "due"])
    stage.fact("what was not acknowledged is numbered anew, and arrives once, when own history is lost")

    carl.json("send", "amnesiac", "two", "--wait", "20")
    py.kill()
    three = carl.json("send", "amnesiac", "three")[0]["id"]
    columns = "peer, epoch, sequence, envelope, hash, shown"
    py.change(f"INSERT INTO incoming ({columns}) SELECT peer, epoch, sequence + 1, envelope, randomblob(32), 1 "
              "FROM incoming ORDER BY id DESC LIMIT 1")
    py.start()
    eventually("three is there", lambda: "three" in py.history("c", "in"))
    # The made-up message shows the text of the one that it was made from.
    stage.fact("the other side does so too", py.history("c", "in") == ["one", "two", "two", "three"])
    stage.fact("and under a new number", three not in [told.get("id") for told in py.told])


def two_networks(stage: Stage) -> None:
    """Through two linked bridges, both ways."""
    tower, attic = stage.bridge("tower", "cloud"), stage.bridge("attic", "home")
    tower.arguments += ["--trust", attic.id()]
    tower.start()
    attic.arguments += ["--link", f"quic://127.0.0.1:{tower.port('link')}/{tower.id()}"]
    attic.start()
    eventually("the link is up", lambda: any(link["state"] == "up" for link in attic.json("links")))
    dora = stage.peer("d", "cloud").start()
    # On another discovery port nobody hears it: it is known by its registration alone.
    named = ("--bridge", f"127.0.0.1:{attic.port('control')}")
    deaf = stage.python("deaf", "home", *named, discovery_port=stage.free_port())
    for py, how in ((deaf, "named"), (stage.python("keen", "home"), "heard")):
        _across(stage, dora, py.start(), how)
    stage.fact("a goodbye is known across both bridges")


def _across(stage: Stage, dora: Node, py: PythonPeer, how: str) -> None:
    found = py.wait("peer", name="d", online=True)
    stage.fact(f"a bridge that was {how} tells of a remote peer", found["via"] == "bridge")
    eventually(f"d knows {py.name}", lambda: dora.known(py.name, "online"))
    sent = dora.json("send", py.name, f"to {py.name}", "--wait", "20")[0]
    py.wait("message", id=sent["id"])
    stage.fact(f"{py.name} gets a message across two bridges", sent["state"] == "at_peer")
    py.send("d", f"from {py.name}")
    py.wait("delivered")
    stage.fact("and its own arrives", dora.texts(py.name) == [f"from {py.name}"])
    py.stop()
    eventually(f"{py.name} is gone", lambda: not dora.known(py.name, "online"))


def strangers(stage: Stage) -> None:
    """Certificates that do not prove whom they belong to."""
    from check_strangers import greet_and_dial

    py = stage.python("guard", "strict").start()
    ready = py.wait("ready")
    for kind, greeted, dialled in greet_and_dial(ready, stage.network("strict")):
        if kind == "right":
            stage.fact("a certificate that its node signed is accepted", greeted == "OK" and dialled == "OK")
        else:
            refused = greeted == "INVALID_ARGUMENT" and dialled in ("UNAVAILABLE", "UNAUTHENTICATED")
            stage.fact(f"{kind} is refused: greeting {greeted}, dialling {dialled}", refused)


def in_memory(stage: Stage) -> None:
    """What the program does not do by itself: conflicts and a full disk in the middle of a session."""
    from check_session import facts

    for what, holds in facts(stage.folder):
        stage.fact(what, holds)


def echo_bot(stage: Stage) -> None:
    """The bot next door, which needs only the command line."""
    if not shutil.which("jq"):
        print("passed over: echo-bot.sh needs jq", flush=True)
        return
    anna, host = stage.peer("e", "bot").start(), stage.peer("bot", "bot").start()
    eventually("e knows bot", lambda: anna.known("bot", "online"))
    anna.json("send", "bot", "before the first start", "--wait", "20")
    texts = ["two\nlines\n", " tab\t", "while down", "after"]
    bot = stage.script(Path(__file__).parent.parent / "echo-bot.sh", host).start()
    for text in texts[:2]:
        anna.json("send", "bot", text, "--wait", "20")
    eventually("two answers are there", lambda: len(anna.texts("bot")) == 2)
    bot.kill()
    anna.json("send", "bot", texts[2], "--wait", "20")
    bot.start()
    anna.json("send", "bot", texts[3], "--wait", "20")
    eventually("the others are there", lambda: len(anna.texts("bot")) >= len(texts))
    stage.fact("echo-bot.sh answers each message once, also over a restart", anna.texts("bot") == texts)


def main() -> int:
    """Every part on a stage of its own."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        print(__doc__.strip(), file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    started, program = time.monotonic(), Path(sys.argv[1]).resolve()
    parts: list[Callable[[Stage], None]] = [
        one_lan, kill_in_the_middle, lost_history, two_networks, strangers, in_memory, echo_bot,
    ]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="causeway-python-") as folder:
        for part in parts:
            with Stage(program, Path(folder) / part.__name__, Path(folder) / "cache") as stage:
                try:
                    part(stage)
                except Exception as error:  # One part that fails must not keep the others from being tried.
                    print(f"not ok: {part.__name__}: {type(error).__name__} {error}", flush=True)
                    stage.tell_logs()
                    failed += 1
    print(f"{'all facts hold' if not failed else f'{failed} parts failed'}, {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
