"""Run the agent, and kill somebody right before its N-th call that changes something; calls of its workers count with its own.

`kill-at-call.py -I AGENT WORDS...`, as python3 is called; CAISSON_TEST_KILL is `[N, WHO, FILE]`. WHO is
`agent` (with its workers, as kill -9 of it does), `worker` (only the process that calls, as where memory runs out),
`command` (whoever started the agent), `asked` (nobody, but the agent gets a SIGTERM) or `nobody`, where FILE.names gets the name of each call; or `copy:IMAGE`, where nobody is killed and the blocks of a disk as
they are at every N-th call are copied to FILE.CALL: what a power cut there would leave. FILE gets the number of calls; it is made by the first agent, and
one that finds it is left alone. Right before one call is right after the one before it.
AGENT is imported, so that it is compiled once for all.
"""
import ctypes
import json
import mmap
import os
import signal
import struct
import sys

CALLS = ("write", "pwrite", "fsync", "rename", "replace", "link", "symlink", "unlink", "remove", "mkdir", "rmdir", "chmod", "fchmod", "chown", "truncate", "ftruncate", "utime")
LIBC_CALLS = ("syncfs", "syscall", "fallocate64")

def count(name):
    if shared is None:
        return
    if who == "nobody":
        with open(path + ".names", "a") as file:
            file.write(name + "\n")
    number = struct.unpack("<q", shared[:8])[0] + 1
    shared[:8] = struct.pack("<q", number)
    if who.startswith("copy:") and at and number % at == 0:
        copy(who[len("copy:"):], "%s.%d" % (path, number))
    if number < at or (who == "command" and number > at):
        return
    if who == "asked" and number == at:
        os.kill(agent, signal.SIGTERM)
    if who == "agent":
        os.kill(agent, signal.SIGKILL)
    if who in ("agent", "worker"):
        os.kill(os.getpid(), signal.SIGKILL)
    if who == "command":
        os.kill(command, signal.SIGKILL)

def copy(image, to):
    with open(image, "rb") as source, open(to, "wb") as target:
        for piece in iter(lambda: source.read(1 << 16), b""):
            if piece.count(0) == len(piece):
                target.seek(len(piece), 1)
            else:
                target.write(piece)
        target.truncate(source.tell())

def counted(name, call):
    def counting(*words, **more):
        count(name)
        return call(*words, **more)
    return counting

class Libc:
    """The C library, of which some calls count."""

    def __init__(self, library):
        self.library = library

    def __getattr__(self, name):
        call = getattr(self.library, name)
        return counted(name, call) if name in LIBC_CALLS else call

def watch():
    """Before the agent is there, which keeps some of them under names of its own."""
    plain_open, plain_library = os.open, ctypes.CDLL

    def counted_open(path, flags, *words, **more):
        if flags & os.O_CREAT:
            count("open")
        return plain_open(path, flags, *words, **more)

    os.open = counted_open
    ctypes.CDLL = lambda *words, **more: Libc(plain_library(*words, **more))
    for name in CALLS:
        setattr(os, name, counted(name, getattr(os, name)))

at, who, path = json.loads(os.environ.pop("CAISSON_TEST_KILL", '[0, "nobody", "/dev/null"]'))
agent, command = os.getpid(), os.getppid()
program, words, shared = sys.argv[2], sys.argv[3:], None
watch()
sys.path.insert(0, os.path.dirname(program))
main = __import__(os.path.basename(program)[:-len(".py")]).main
if not os.path.exists(path):
    with open(path, "w+b") as file:
        file.truncate(8)
        file.flush()
        shared = mmap.mmap(file.fileno(), 8)
sys.exit(main(words))
