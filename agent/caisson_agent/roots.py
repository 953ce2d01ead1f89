"""A target's root: its lock, its journal, its releases, and which of them is current."""
import fcntl
import json
import os
import re
import time

from .environments import sweep_environments, turn_environment
from .files import (
    exchange,
    read_bytes,
    read_json,
    read_link,
    remove_tree,
    reserve,
    sync_path,
    tried,
    write_all,
)
from .hooks import closed_by
from .keeping import keep_program
from .preflight import check_modes
from .services import return_service
from .trees import Blobs
from .values import JOURNAL_RESERVE, LABEL, Refused, explained, random_word

UNPUBLISHED = (("trees", r"\.(new|trash)-"), ("versions", r"\.(new|trash)-"), ("units", r"\.new-"), ("", r"\.(incoming|env-next)\Z"), (".env", r"\.new-\d+-[0-9a-f]{12}\Z"), (".agent", r"\.new-"))

def described_holder(holder):
    """Who holds a host, since when, and for what, in a sentence."""
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(holder.get("since")))
    doing = "%s, " % holder["doing"] if holder.get("doing") else ""
    return "`%s` has been changing this host since %s (%sprocess %s)" % (holder.get("by"), since, doing, holder.get("process"))

class Root:
    """The directory of a target: its trees, its releases, which of them is current, and the journal of its changes."""

    def __init__(self, path, umask=None):
        self.path = path
        self.umask = umask  # as it was before we set ours
        self.generation = None  # of this run, once the lock is held
        self.by = None
        self.doing = None  # in the words of whoever asked: `deploy shop@126`
        self.lock = None

    def at(self, *names):
        return os.path.join(self.path, *names)

    def blobs(self):
        """What has been received."""
        return Blobs(lambda hex_digits: self.at(".incoming", hex_digits))

    # What stands there
    def check(self):
        """Refuse a root that something else has made, and say what to do about it. Nothing foreign is ever removed."""
        for place in (self.path, self.at("versions"), self.at("trees"), self.at("shared")):
            if os.path.lexists(place) and not os.path.isdir(place):
                raise Refused("host-unfit", "`%s` is not a directory; move it away, or choose another root" % place)
        current = self.at("versions", "current")
        target = read_link(current)
        if target is None and os.path.lexists(current):
            raise Refused("host-unfit", "`%s` is not a link; move it away, the next deploy makes it anew" % current)
        if target is not None and not (re.match(LABEL, target) and os.path.isdir(current)):
            raise Refused("host-unfit", "`%s` leads to `%s`, which is no release beside it; remove that link" % (current, target))

    def linked(self, name):
        """The release that `current` or `previous` leads to."""
        target = read_link(self.at("versions", name))
        return target if target is not None and os.path.isdir(self.at("versions", target)) else None

    def names(self, directory, shape=""):
        """What lies in a directory, sorted, as far as its name begins with `shape`."""
        return sorted(name for name in os.listdir(self.at(directory)) if re.match(shape, name)) if os.path.isdir(self.at(directory)) else []

    def trees(self):
        """The hex digits of every tree's id."""
        return self.names("trees", r"[0-9a-f]{64}\Z")

    def manifest(self, label):
        """What a release says of itself; None where it is none of ours."""
        return None if os.path.islink(self.at("versions", label)) else tried(read_json, self.at("versions", label, "manifest.json"))

    def manifests(self):
        """Every release's manifest by label, oldest first."""
        found = [(label, self.manifest(label)) for label in self.names("versions", LABEL)]
        return sorted([pair for pair in found if pair[1] is not None], key=lambda pair: (pair[1]["generation"], pair[0]))

    def stored_generation(self):
        return tried(lambda path: int(read_bytes(path)), self.at(".generation"), 0)

    # The journal
    def journal(self):
        """Every whole line, oldest first. A torn one is what a crash leaves; it was never promised to anybody."""
        lines = tried(read_bytes, self.at("journal.jsonl"), b"").split(b"\n")
        entries = [tried(lambda text: json.loads(text.decode("utf-8")), line) for line in lines if line]
        return [entry for entry in entries if isinstance(entry, dict) and "event" in entry]

    def note(self, event, old, new, **more):
        """One line, one write, durable."""
        entry = dict(more, generation=self.generation, time=int(time.time()), event=event, by=self.by)
        entry.update({"from": old, "to": new})
        line = json.dumps({key: entry[key] for key in entry if key in ("from", "to") or entry[key] is not None}, sort_keys=True)
        descriptor = os.open(self.at("journal.jsonl"), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            write_all(descriptor, (("\n" if torn else "") + line + "\n").encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def last_change(self):
        """Who was here last, and what became of it, in a phrase; nothing where the journal does not say."""
        for entry in self.journal()[-1:]:
            return ": `%s` at %s, %s %s -> %s" % (entry.get("by"), time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(entry["time"])), entry["event"], entry["from"], entry["to"])
        return ""

    def unsettled(self):
        """The switch that nobody has confirmed or undone, as its journal line; None where all is settled."""
        return self.last_switch("switching", "activated")

    def kept(self):
        """The switch that was neither confirmed nor taken back, and is the last one; None where it is not."""
        return self.last_switch("kept")

    def last_switch(self, *states):
        switches = [entry for entry in self.journal() if entry["event"] in ("switching", "activated", "confirmed", "undone", "kept", "recovered")]
        return switches[-1] if switches and switches[-1]["event"] in states else None

    # The lock, and the number of a run
    def take_lock(self):
        """The host's lock, for as long as this process lives. False where another holds it."""
        self.lock = os.open(self.at(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            self.release_lock()
            return False

    def release_lock(self):
        os.close(self.lock)
        self.lock = None

    def hold(self, generation, by, doing=None):
        """Take the host's lock for a run that saw it at `generation` - 1, and settle what an earlier run left. Nothing else has been done before."""
        if self.lock is not None:
            return False, None
        self.check()
        check_modes(self)
        for directory in ("trees", "versions", "shared"):
            os.makedirs(self.at(directory), exist_ok=True)
        if not self.take_lock():
            raise Refused("host-busy", described_holder(self.holder()))
        try:
            self.by, self.doing = by, doing
            self.sign()
            self.recover()
            stored = self.stored_generation()
            if stored != generation - 1:
                raise Refused("host-changed", "this host has been changed since it was looked at%s (generation %d, expected %d)" % (self.last_change(), stored, generation - 1))
        except Exception:
            self.generation = None
            self.release_lock()
            raise
        return True, None

    def give_back(self):
        """The opposite of `hold`, where nothing has been changed yet."""
        if self.generation is not None:
            raise Refused("usage", "this run has changed the host, so it holds it until it ends")
        held = self.lock is not None
        if held:
            self.release_lock()
        return held, None

    def sign(self):
        """Write into the lock who holds it, since when, and for what."""
        who = {"by": self.by, "since": int(time.time()), "process": os.getpid(), "doing": self.doing}
        os.pwrite(self.lock, json.dumps({key: who[key] for key in who if who[key] is not None}).ljust(512).encode("ascii"), 0)

    def holder(self):
        """Who wrote into the lock last."""
        return tried(read_json, self.at(".lock"), {})

    def begin(self, generation, by, doing=None):
        """The first change of a run: the host's lock, and the generation written down."""
        self.hold(generation, by, doing)
        try:
            self.claim(generation)
        except Exception:
            self.generation = None
            self.release_lock()
            raise

    def claim(self, generation):
        """Write down that this generation has begun, and by whom."""
        self.generation = generation
        number = os.open(self.at(".generation"), os.O_RDWR | os.O_CREAT, 0o644)
        journal = os.open(self.at("journal.jsonl"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.pwrite(number, ("%020d\n" % generation).encode("ascii"), 0)
            os.fsync(number)
            reserve(journal, JOURNAL_RESERVE)
        finally:
            os.close(number)
            os.close(journal)
        sync_path(self.path)
        keep_program(self)

    # The switch
    def switch(self, label):
        """Let `current` lead to `label`. The link that led to the old release stays under another name, so that the way back needs no free inode."""
        current = self.at("versions", "current")
        if label is None:
            os.unlink(current)
        else:
            spare = self.spare(label)
            if not os.path.lexists(current) or not exchange(spare, current):
                os.rename(spare, current)
            if read_link(current) != label:
                raise Refused("process-failed", "`%s` does not lead to `%s` after the switch" % (current, label))
        sync_path(self.at("versions"))

    def spare(self, label):
        """A link beside `current` that leads to `label`: `previous`, one that a switch left, or a new one."""
        for name in ["previous"] + self.spares():
            if read_link(self.at("versions", name)) == label:
                return self.at("versions", name)
        path = self.at("versions", ".current-%s" % random_word())
        os.symlink(label, path)
        return path

    def spares(self):
        return self.names("versions", r"\.current-")

    def keep_previous(self, label):
        """Let `previous` lead to the release that was current before: the link that the switch left becomes it."""
        previous = self.at("versions", "previous")
        if label is not None and read_link(previous) != label:
            os.rename(self.spare(label), previous)
        for name in self.spares():
            os.unlink(self.at("versions", name))
        sync_path(self.at("versions"))

    def settle(self, event, detail):
        """Take back a switch that nobody confirmed: the link first, then the service, then the journal. Returns what was settled, None where nothing was."""
        entry = self.unsettled()
        if entry is None:
            return None
        old, new, current = entry["from"], entry["to"], self.linked("current")
        closed = closed_by(self.journal(), entry) if current == new and old not in (None, new) else []
        if closed:
            return self.keep(entry, "%s; not taken back, because `%s` cannot be" % (detail, "`, `".join(closed)))
        if current == new and old != new:
            self.switch(old)
        elif current != old:
            detail += "; `current` led to `%s` and was left alone" % current
        if "environment" in entry:
            turn_environment(self, entry["environment"]["from"])
        if current == new or entry["event"] == "activated":
            try:
                return_service(self, entry.get("service") or {}, old, new)
            except Exception as error:
                detail += "; " + explained(error).detail  # whatever becomes of processes, the journal must say what became of the link
        self.note(event, old, new, detail=detail)
        self.keep_previous(None)
        return {"from": old, "to": new, "detail": detail}

    def keep(self, entry, detail):
        """Leave a switch as it is, neither confirmed nor taken back. Returns what was settled."""
        self.note("kept", entry["from"], entry["to"], detail=detail)
        self.keep_previous(entry["from"])
        return {"from": entry["from"], "to": entry["to"], "detail": detail, "kept": True}

    def is_unfinished(self):
        """Whether a run has left something to settle or to sweep, or is at work."""
        return self.unsettled() is not None or bool(self.spares()) or any(self.names(*place) for place in UNPUBLISHED)

    def recover(self):
        """Bring what an earlier run left half-done to an end. Only with the lock. Returns what was settled."""
        settled = None
        if self.unsettled() is not None:
            self.claim(self.stored_generation() + 1)
            settled = self.settle("recovered", "the run that switched it ended before it was confirmed")
        elif self.spares():
            # Confirmed in the journal, and cut off before `previous` was moved.
            confirmed = [entry for entry in self.journal() if entry["event"] == "confirmed"][-1:]
            self.keep_previous(confirmed[0]["from"] if confirmed and confirmed[0]["to"] == self.linked("current") else None)
        self.sweep()
        return settled

    def sweep(self):
        """Remove what was never published. Everything of ours that is half-made has one of these names."""
        for directory, shape in UNPUBLISHED:
            for name in self.names(directory, shape):
                remove_tree(self.at(directory, name))
        sweep_environments(self)
