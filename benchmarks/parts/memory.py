"""The most memory that a gateway process has held, after so many requests of so many bytes."""

import itertools
import tempfile
from contextlib import ExitStack
from pathlib import Path

from parts import servers
from parts.asking import CHAT, authorized, chat, prompts
from parts.callers import on_the_wire, send_all
from parts.measuring import Scale, table
from parts.servers import Server

MB = 1024 * 1024
CASES = (("folder", 1000, 8), ("folder", MB, 1), ("folder", MB, 8), ("memory", MB, 8))


def peak(server: Server) -> float | None:
    """MB of its largest resident set (proc_pid_status(5)); ``None`` where the system does not say."""
    try:
        lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    except OSError:
        return None
    sizes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return sizes[0] / 1024 if sizes else None


def measure(scale: Scale) -> None:
    if not Path("/proc/self/status").exists():
        print("\n4. Peak memory: not measured, this system has no /proc")
        return
    rows = []
    for store, size, clients in CASES:
        count = scale.large if size == MB else scale.small
        with ExitStack() as stack:
            model = stack.enter_context(servers.model(answer_bytes=size))
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            spec = "memory:" if store == "memory" else Path(folder).as_uri()
            gateway = stack.enter_context(servers.gateway(model, spec))
            idle = peak(gateway)
            asked = (
                on_the_wire("POST", CHAT, authorized(), chat(prompt))
                for prompt in itertools.islice(prompts(size), count)
            )
            send_all(gateway, asked, clients)
            most = peak(gateway)
        assert idle
        assert most
        words = f"{store}, {count:,} of {'1 MB' if size == MB else '1 KB'}, {clients} at a time"
        rows.append((words, f"{idle:.0f} MB", f"{most:.0f} MB", f"{most / idle:.2f} x", f"{most - idle:.0f} MB"))
    table(
        "4. Peak memory of a gateway process: new requests, each answered with as many bytes, all stored",
        ("", "idle", "peak", "", "more"),
        rows,
        "x: times the same process before its first request. The store in memory keeps the answers, up to 256 MB.",
    )
