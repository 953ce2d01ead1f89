"""One program, run to its end or to its limit, with the end of what it printed."""
import errno
import os
import re
import select
import signal
import subprocess
import time

from .environments import redacted
from .files import libc, read_bytes, tried
from .users import become, home_of

KEPT = 65536  # bytes of a program's output
LINGERING = 1.0  # seconds for what is still in the pipe when the program has ended
MERCY = 3.0  # seconds between SIGTERM and SIGKILL

def run_program(argv, directory, environment, limit, record, secrets):
    """Its status (negative: minus a signal's number; None where the limit came first) and the end of what it printed, without secrets. Nothing that it started outlives it. Runs in a worker; raises OSError where it cannot be run."""
    become_subreaper = 36
    libc().prctl(become_subreaper, 1, 0, 0, 0)
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(argv, cwd=directory, env=dict(environment, **home_of(record)), stdin=subprocess.DEVNULL, stdout=writing, stderr=writing, preexec_fn=become(record) if record is not None else None)
    except Exception as error:
        os.close(reading)
        raise error if isinstance(error, OSError) else OSError(errno.EPERM, str(error))
    finally:
        os.close(writing)
    longest = max([len(secret) for secret in secrets] or [0])
    ended, tail = listen(process, reading, limit, KEPT + longest)
    end_others(process.pid if not ended else None)
    process.wait()
    os.close(reading)
    clean = redacted(bytes(tail), secrets)
    # The very beginning of what is left may be the end of a secret.
    kept = clean[longest:] if len(tail) >= KEPT + longest else clean
    return process.returncode if ended else None, kept[-KEPT:]

def listen(process, reading, limit, room):
    """Whether the program ended in time, and the last bytes that it printed."""
    tail, deadline, over = bytearray(), time.monotonic() + limit, None
    while True:
        ready = select.select([reading], [], [], 0.05)[0]
        data = os.read(reading, 65536) if ready else b""
        tail += data
        if len(tail) > 2 * room:
            del tail[:-room]
        now = time.monotonic()
        over = now if over is None and process.poll() is not None else over
        if over is not None and (not data or now - over > LINGERING):
            return True, tail[-room:]
        if over is None and now >= deadline:
            return False, tail[-room:]
        if ready and not data:
            time.sleep(0.02)  # it has closed its output and works on

def end_others(first):
    """End everything below this process: a polite word for the program that is late, and then none."""
    if first is not None:
        tried(lambda pid: os.kill(pid, signal.SIGTERM), first)
        patience = time.monotonic() + MERCY
        while time.monotonic() < patience and os.waitid(os.P_PID, first, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(0.02)
    for _ in range(100):
        others = descendants()
        for pid in others:
            tried(lambda each: os.kill(each, signal.SIGKILL), pid)
        if not others:
            return
        time.sleep(0.01)
        reap(first)

def reap(spared):
    """Bury children that were left to us; the program's own end is asked for elsewhere."""
    for pid in descendants(dead=True):
        if pid != spared:
            tried(lambda each: os.waitpid(each, os.WNOHANG), pid)

def descendants(dead=False):
    """Processes that this one started, directly or not; those that are dead and not buried, or the others."""
    parents, gone = {}, set()
    for name in os.listdir("/proc"):
        found = re.match(br"\d+ \(.*\) (\S) (\d+) ", tried(read_bytes, "/proc/%s/stat" % name, b""), re.DOTALL) if name.isdigit() else None
        if found is not None:
            parents[int(name)] = int(found.group(2))
            gone.update({int(name)} if found.group(1) in b"ZX" else ())
    mine, size = {os.getpid()}, 0
    while len(mine) > size:
        size = len(mine)
        mine.update(pid for pid in parents if parents[pid] in mine)
    mine.discard(os.getpid())
    return mine & gone if dead else mine - gone
