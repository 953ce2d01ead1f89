"""Forked processes that do one piece of work each."""
import json
import os
import signal

from .files import libc, tried, write_all
from .values import CHUNK, explained


class Worker:
    """A forked process that does one piece of work and tells its outcome through a pipe."""

    parent = None  # in a worker: the process that forked it

    def __init__(self, work, subject):
        self.subject = subject
        self.output, writing = os.pipe()
        self.heard = bytearray()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                Worker.parent = parent
                self.detach()
                write_all(writing, json.dumps(answer_of(work)).encode("ascii"))
            finally:
                os._exit(0)
        os.close(writing)

    def detach(self):
        """A group of its own, to be killed as a whole; not a moment longer than the agent, whose lock it shares; and no part of the channel."""
        os.setpgid(0, 0)
        parent_death_signal = 1
        libc().prctl(parent_death_signal, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != Worker.parent:
            os._exit(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)

    def outcome(self):
        """Read what has come. What the work came to, once all is said; None before."""
        data = os.read(self.output, CHUNK)
        self.heard += data
        if data:
            return None
        os.close(self.output)
        status = os.waitpid(self.pid, 0)[1]
        try:
            return json.loads(self.heard.decode("ascii"))
        except ValueError:
            how = "signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "no word"
            return {"ok": False, "code": "process-failed", "detail": "a worker of the agent ended with %s" % how}

    def kill(self):
        """End it and everything it started."""
        # It may have no group of its own yet, or have ended.
        tried(lambda pid: os.killpg(pid, signal.SIGKILL), self.pid)
        tried(lambda pid: os.kill(pid, signal.SIGKILL), self.pid)
        os.waitpid(self.pid, 0)
        os.close(self.output)

def answer_of(work):
    """Run `work`, which returns (changed, facts), and put what comes of it into an answer's words."""
    try:
        changed, facts = work()
        return {"ok": True, "changed": changed, "facts": facts}
    except Exception as error:
        return explained(error).answer()

def fault(step, moment):
    """For tests: CAISSON_FAULT=STEP:MOMENT kills the agent there, and the worker with it."""
    if os.environ.get("CAISSON_FAULT") == "%s:%s" % (step, moment):
        os.kill(Worker.parent or os.getpid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
