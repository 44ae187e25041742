"""The template process: it has loaded what all children of `up` import, and each child
that it is asked for is a fork of it, which shares those pages.

`python -m app.host.template SOCKET ROOM MODULE...` imports the modules, sends one byte
over the socket, and answers each request with a process id until the socket closes.

It is never told what a child may know: that comes through a pipe which the child alone
reads. A child is forked twice, so that it is a child of `up`, and outlives the template.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
from pathlib import Path

from app.host.valkey import die_with_parent
from app.runtime.collector import trim_memory

READY = b"r"
REQUEST = b"f"
PID_BYTES = 4
ARGUMENTS_AT = 45
"""Where /proc/self/stat says, after the name, at what address the arguments begin; the
next field says where they end."""


def main(arguments: list[str]) -> list[str]:
    """Load, then fork children until there is nobody to ask for one. Returns in each
    child, with its command: a module and its arguments."""
    descriptor, _, *modules = arguments
    parent = os.getppid()
    set_title([sys.executable, "-m", "app.host.template", *modules])
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    # The collector of a child would write to the pages of whatever it walks.
    gc.freeze()
    trim_memory()
    with socket.socket(fileno=int(descriptor)) as control:
        control.sendall(READY)
        return _serve(control, parent)


def _serve(control: socket.socket, parent: int) -> list[str]:
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, len(REQUEST), 2)
        if not request:
            return []
        pids, tell_pid = os.pipe()
        middle = os.fork()
        if middle == 0 and _in_child(tell_pid):
            control.close()
            os.close(pids)
            output, reader = descriptors
            return _begin(output, reader, parent)
        for used in (tell_pid, *descriptors):
            os.close(used)
        # It has ended: its child is `up`'s by now.
        os.waitpid(middle, 0)
        pid = os.read(pids, PID_BYTES)
        os.close(pids)
        control.sendall(pid)


def _in_child(tell_pid: int) -> bool:
    """Fork again and end. True in the second child, which has told its id and leads a
    group: anybody who learns the id may signal the group."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.write(tell_pid, os.getpid().to_bytes(PID_BYTES, "big"))
    os.close(tell_pid)
    return True


def _begin(output: int, reader: int, parent: int) -> list[str]:
    """Become what `up` wants: its output, folder, environment and command."""
    # Until here it may be the template's grandchild; what is read now was written once
    # its id was known.
    with os.fdopen(reader, encoding="utf-8") as pipe:
        text = pipe.read()
    bind = die_with_parent(signal.SIGKILL, parent)
    if not text or bind is None:
        os._exit(1)
    bind()
    wanted = json.loads(text)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for stream, source in enumerate((nothing, output, output)):
        os.dup2(source, stream)
    os.close(nothing)
    os.close(output)
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    # As the interpreter does for `-m`.
    sys.path[0] = str(Path.cwd())
    command: list[str] = wanted["command"]
    set_title([sys.executable, "-m", *command])
    return command


def set_title(arguments: list[str]) -> None:
    """Show these arguments as the command line of this process, as far as its own
    leave room. Nothing where the kernel does not say where they are."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return
    begin, end = map(int, fields.rpartition(")")[2].split()[ARGUMENTS_AT:][:2])
    room = end - begin
    shown = b"\0".join(map(os.fsencode, arguments))[: room - 1]
    if 0 < begin < end:
        ctypes.memmove(begin, shown.ljust(room, b"\0"), room)


def run(command: list[str]) -> None:
    """What `python -m` does."""
    module, *rest = command
    sys.argv = [module, *rest]
    # Loaded already, it would be run beside its own copy.
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    wanted = main(sys.argv[1:])
    if wanted:
        run(wanted)
