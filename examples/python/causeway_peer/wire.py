"""The messages and services of the protocol, generated from the repository's .proto files at the first start.

The generated code lies in the user's cache folder under the hash of its sources, so a changed .proto is generated anew
and nothing generated is ever committed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

PROTO_FOLDER = Path(__file__).resolve().parents[3] / "proto"
# What a peer needs; the other packages are for bridges and for a node's own command line.
SOURCES = [f"causeway/{name}/v1/{name}.proto" for name in ("node", "greeting", "chat", "bridge")]


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update((PROTO_FOLDER / source).read_bytes())
    # Generated code belongs to the protobuf version that it was made for.
    import google.protobuf

    digest.update(google.protobuf.__version__.encode())
    return Path(base) / "causeway-python" / digest.hexdigest()[:16]


def _generate(folder: Path) -> None:
    from grpc_tools import protoc

    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        arguments = ["protoc", f"-I{PROTO_FOLDER}", f"--python_out={unfinished}", f"--grpc_python_out={unfinished}"]
        if protoc.main(arguments + SOURCES) != 0:
            raise RuntimeError(f"protoc failed on {PROTO_FOLDER}")
        # The rename makes the folder appear whole or not at all; of two peers that start at once, one wins.
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


_folder = _cache_folder()
if not _folder.is_dir():
    _generate(_folder)
sys.path.insert(0, str(_folder))

from causeway.bridge.v1 import bridge_pb2 as bridge  # noqa: E402
from causeway.bridge.v1 import bridge_pb2_grpc as bridge_service  # noqa: E402
from causeway.chat.v1 import chat_pb2 as chat  # noqa: E402
from causeway.chat.v1 import chat_pb2_grpc as chat_service  # noqa: E402
from causeway.greeting.v1 import greeting_pb2 as greeting  # noqa: E402
from causeway.greeting.v1 import greeting_pb2_grpc as greeting_service  # noqa: E402
from causeway.node.v1 import node_pb2 as node  # noqa: E402

__all__ = ["bridge", "bridge_service", "chat", "chat_service", "greeting", "greeting_service", "node"]
