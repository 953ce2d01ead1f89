"""The conversation with a controller: requests in, answers out, and the dead-man when it ends."""
import json
import os
import select
import signal
import struct
import time

from .environments import IncomingValues, step_environment
from .examining import step_examine
from .files import (
    pieces_of,
    remove_tree,
    sync_filesystem,
    sync_path,
    tried,
    write_new,
)
from .health import step_check
from .hooks import step_hook, step_ran
from .incoming import Incoming
from .intact import write_note
from .interpreters import describe_interpreter, find_interpreter
from .likeness import TREE_SUFFIXES, Like, bytecode_record, record_of
from .mending import is_damaged, replace_tree
from .observing import step_observe, step_prune
from .platforms import step_platform
from .running import step_logs, step_running
from .services import step_restart
from .steps import step_activate, step_confirm, step_stage, step_undo
from .trees import make_tree, read_tree, seal
from .units import step_units
from .values import (
    BEAT,
    CHUNK,
    CORES,
    HEADER_LIMIT,
    SILENCE,
    Refused,
    canonical_json,
    digest_hex,
    explained,
    log,
    minor_of,
    random_word,
)
from .verifying import step_verify
from .workers import Worker, answer_of, fault

STEPS = {
    "environment": step_environment, "hook": step_hook, "ran": step_ran,
    "stage": step_stage, "units": step_units, "activate": step_activate, "restart": step_restart, "check": step_check, "confirm": step_confirm,
    "undo": step_undo, "prune": step_prune, "verify": step_verify, "observe": step_observe, "examine": step_examine, "platform": step_platform,
    "running": step_running, "logs": step_logs,
}
PAUSE = 0.03  # seconds without a word after which nothing more is on its way
READING = ("observe", "check", "verify", "running", "logs", "examine", "platform")  # these change nothing and need no lock

class Session:
    """One controller's conversation about one root: reads requests, has workers do them in order, answers, watches for silence."""

    def __init__(self, root, bytecode):
        self.root = root
        self.bytecode = bytecode
        self.ended = None  # why, as soon as there is a reason
        self.silence = SILENCE
        self.heard = self.beaten = time.monotonic()
        self.input, self.output = bytearray(), bytearray()
        self.blob = None  # the one that is coming in
        self.queue = []  # requests in order, the trees at its front taken out
        self.refused = set()  # numbers of requests
        self.trees = []  # requests for trees, to be made side by side
        self.made = []  # trees that are not published yet: [request, name of the new directory]
        self.made_since = 0.0
        self.workers = {}  # by the descriptor that each talks to
        self.alone = False  # one of them is no tree, so it works alone
        self.interpreters = {}
        self.signals = wakeup_on_signals()

    def run(self, marker):
        os.set_blocking(1, False)  # novm
        self.output += marker.encode("ascii") + b"\n"
        self.take_input(globals().get("PENDING", b""))  # what came in before we were here, where we came over a channel
        while self.ended is None:
            self.pump()
            self.wait()
        self.finish()

    def wait(self):
        """Until something has come or it is time for a heartbeat, and deal with that."""
        readable, writable, _ = select.select([0, self.signals] + list(self.workers), [1] if self.output else [], [], PAUSE if self.made else BEAT)
        for descriptor in readable:
            if descriptor == 0:
                self.read()
            elif descriptor == self.signals:
                self.ended = "the agent was told to stop"
            else:
                self.collect(descriptor)
        if writable:
            self.write()
        now = time.monotonic()
        # Silence is no word at a moment when we listen: our own disk may have kept us from listening.
        if 0 not in readable and now - self.heard > self.silence:
            log("controller silent for %g s" % self.silence)
            self.ended = "controller lost"
        if now - self.beaten >= BEAT:
            self.beaten = now
            self.send({"beat": int(now)})

    # Words
    def read(self):
        data = os.read(0, CHUNK)
        self.heard = time.monotonic()
        if not data:
            self.ended = "controller lost"
        self.take_input(data)

    def take_input(self, data):
        """Bytes as they come: of the blob that is coming in, and then of frames."""
        if self.blob is not None:
            data = self.take_bytes(memoryview(data))
        self.input += data
        while len(self.input) >= 4 and self.blob is None:
            end = 4 + struct.unpack_from(">I", self.input)[0]
            if end > HEADER_LIMIT:
                self.ended = "controller sent nonsense"
            if len(self.input) < end:
                return
            request = json.loads(self.input[4:end].decode("utf-8"))
            self.input = self.input[end:]
            self.ended = request.get("leaving", self.ended)
            if "beat" not in request:
                self.take_request(request)
            if self.blob is not None:
                self.input = bytearray(self.take_bytes(memoryview(self.input)))

    def take_request(self, request):
        """A request's header: it waits for its turn, or a blob's bytes follow it; or it is refused at once."""
        step, refused = request.get("step"), None
        if step in ("hold", "release"):
            root = self.root
            self.answer(request, answer_of(root.give_back if step == "release" else lambda: root.hold(request["generation"], request.get("by"), request.get("doing"))))
            return
        try:
            if step not in STEPS and step not in ("receive", "tree"):
                raise Refused("usage", "this agent knows no step `%s`" % step)
            if step not in READING and self.root.generation is None:
                self.root.begin(request["generation"], request.get("by"), request.get("doing"))
            if step not in READING and self.root.generation != request["generation"]:
                raise Refused("host-changed", "this run has the number %d and not %d" % (self.root.generation, request["generation"]))
        except Exception as error:
            refused = explained(error)
        if step == "environment":
            self.blob = IncomingValues(request, refused)
        elif step == "receive" or request.get("size"):
            self.blob = Incoming(self.root, request, refused)
        elif refused is not None:
            self.answer(request, refused.answer())
        else:
            self.queue.append(request)

    def take_bytes(self, view):
        """Bytes of the blob that is coming in; returns those behind it."""
        rest = self.blob.take(view)
        if self.blob.missing == 0:
            blob, self.blob = self.blob, None
            if isinstance(blob, IncomingValues) and blob.refused is None:
                self.queue.append(blob.finish())
            else:
                self.answer(blob.request, answer_of(blob.finish))
        return rest

    def answer(self, request, outcome):
        if not outcome["ok"]:
            self.refused.add(request["request"])
        self.send(dict(outcome, answer=request["request"]))

    def send(self, message):
        data = json.dumps(message).encode("ascii")
        self.output += struct.pack(">I", len(data)) + data

    def write(self):
        try:
            self.output = self.output[os.write(1, self.output[:CHUNK]):]
        except BlockingIOError:
            pass
        except OSError:
            self.ended = "controller lost"

    # Work
    def pump(self):
        """Start what may be started: trees side by side, the largest first; everything else alone and in order."""
        while not self.alone:
            while self.queue and self.queue[0]["step"] == "tree":
                self.trees.append(self.queue.pop(0))
            if self.trees and len(self.workers) < CORES:
                self.trees.sort(key=lambda request: request["document"]["size"])
                self.start_tree(self.trees.pop())
            elif self.workers or self.trees:
                return
            elif self.made and (self.queue or time.monotonic() - self.made_since >= 2 or (self.blob is None and time.monotonic() - self.heard >= PAUSE)):
                # One wait for the disk for all of them, and not while more are on their way.
                batch, self.made, self.alone = self.made, [], True
                self.start(publish, batch)
            elif self.queue and self.queue[0]["step"] == "observe" and tried(lambda _: not self.root.is_unfinished(), None):
                self.look(self.queue.pop(0))
            elif self.queue and self.queue[0].get("after") in self.refused:
                self.answer(self.queue.pop(0), {"ok": False, "code": "cancelled", "detail": "not begun, because what stood before it was not done"})
            elif self.queue:
                request, self.alone = self.queue.pop(0), True
                self.silence = request.get("undoAfter", self.silence)
                self.start(perform, request)
            else:
                return

    def look(self, request):
        """Here and now: it takes less time than to have a worker do it."""
        self.answer(request, answer_of(lambda: perform(self.root, request)))

    def start(self, work, subject):
        worker = Worker(lambda: work(self.root, subject), subject)
        self.workers[worker.output] = worker

    def start_tree(self, request):
        if os.path.isdir(self.root.at("trees", request["id"][len("sha256:"):])) and not request.get("again"):
            self.answer(request, {"ok": True, "changed": False, "facts": None})
            return
        minor = request.get("python")
        if minor not in self.interpreters:
            self.interpreters[minor] = describe_interpreter() if minor is None else find_interpreter(minor)
        # Whether a release can run here is asked when it is staged; a missing interpreter only means no bytecode.
        found = self.interpreters[minor] if self.bytecode and request.get("bytecode", True) else None
        self.start(lambda root, request: new_tree(root, request, found), request)

    def collect(self, descriptor):
        """A worker speaks: when it has ended, answer for it, or keep its tree until it is published."""
        outcome, request = self.workers[descriptor].outcome(), self.workers[descriptor].subject
        if outcome is None:
            return
        del self.workers[descriptor]
        self.alone = False
        if isinstance(request, list):
            for number, (each, _) in enumerate(request):
                self.answer(each, outcome["facts"][number] if outcome["ok"] else outcome)
        elif request["step"] == "tree" and outcome["ok"] and outcome["changed"]:
            self.made_since = self.made_since if self.made else time.monotonic()
            self.made.append([request, outcome["facts"]])
        else:
            self.answer(request, outcome)

    def finish(self):
        """The dead-man: whatever ended the conversation, an unconfirmed switch is taken back, and nothing half-made stays."""
        for worker in self.workers.values():
            worker.kill()
        if self.root.generation is not None:
            settled = self.root.settle("undone", self.ended)
            self.root.sweep()
            log("%s%s" % (self.ended, "; the switch to `%s` is undone" % settled["to"] if settled else ""))

def wakeup_on_signals():
    """A descriptor that becomes readable when somebody wants us to stop."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # novm
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reading

def perform(root, request):
    """One step that is neither a blob nor a tree."""
    fault(request["step"], "before")
    outcome = STEPS[request["step"]](root, request)
    fault(request["step"], "after")
    return outcome

def new_tree(root, request, interpreter):
    """Make a tree under a name that nobody sees; `interpreter`, as it was described, compiles its modules. Returns that name. `again`: though one is here, if it is damaged."""
    fault("tree", "before")
    document = root.blobs().path(request["document"]["digest"])
    new = root.at("trees", ".new-%s-%s" % (digest_hex(request["id"]), random_word()))
    entries = read_tree(document, request["id"])
    if request.get("again") and not is_damaged(root, request["id"], entries):
        return False, None
    try:
        tag = interpreter and "cpython-%s" % minor_of(interpreter["version"]).replace(".", "")
        make_tree(entries, root.blobs(), new, interpreter and interpreter["path"], Like(root, request["like"], tag) if request.get("like") else None)
        record = bytecode_record(new)
        if record:
            write_new(record_of(new), [canonical_json(record)], 0o444)
        seal(new)
        write_new(new + ".json", pieces_of(document), 0o444)
        write_note(new)
    except Exception:
        for suffix in TREE_SUFFIXES:
            tried(remove_tree, new + suffix)
        raise
    return True, os.path.basename(new)

def publish(root, batch):
    """Give trees that are made their names, after one wait for the disk. Returns an answer for each."""
    sync_filesystem(root.at("trees"))
    answers = []
    for request, name in batch:
        new, final = root.at("trees", name), root.at("trees", digest_hex(request["id"]))
        there = os.path.isdir(final) and not request.get("again")  # asked for twice
        if request.get("again") and not os.path.lexists(record_of(new)):
            tried(os.unlink, record_of(final))
        for suffix in [suffix for suffix in TREE_SUFFIXES if os.path.lexists(new + suffix)]:
            if there:
                remove_tree(new + suffix)
            elif suffix == "" and request.get("again"):
                replace_tree(root, new, final)
            else:
                os.rename(new + suffix, final + suffix)
        answers.append({"ok": True, "changed": not there, "facts": None})
    sync_path(root.at("trees"))
    fault("tree", "after")
    return True, answers
