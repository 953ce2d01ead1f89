"""A release's processes under systemd: what it is told of them, how they are started, and whether they live."""
import os
import pwd
import re
import signal
import time

from .files import read_json, sync_path, tried, write_new
from .systemd import OWN_UNIT, Systemd, first_line, message_of, sudo_refusal
from .users import account
from .values import Refused, canonical_json, checked, checked_label, random_word

EXITED = "1"  # CLD_EXITED; others were ended by a signal
RETURN_LIMIT = 120.0  # seconds until what is gone back to must have started

def step_units(root, request):
    """Keep what systemd is to know of a release, once it is sure that it can be told so. Nothing outside of the root is changed."""
    label, manager = checked_label(request["release"]), Systemd(request["service"]["scope"])
    known = units_of(root, label)
    wanted = request.get("units") or known
    if wanted is None:
        raise Refused("host-unfit", "nobody here knows the processes of `%s`: it was deployed without systemd, and elsewhere" % label)
    for file in wanted["files"]:
        checked(file["name"], OWN_UNIT, "name of a unit")
    check_manager(manager, wanted)
    os.makedirs(root.at("units"), exist_ok=True)
    if wanted == known:
        forget_units(root, label)
        return False, None
    if root.linked("current") == label:
        keep_units(root, before_path(root, label), known)  # the way back of a switch from a release to itself
    keep_units(root, root.at("units", label + ".json"), wanted)
    return True, None

def keep_units(root, path, value):
    new = root.at("units", ".new-%s" % random_word())
    write_new(new, [canonical_json(value)])
    sync_path(new)
    os.rename(new, path)
    sync_path(root.at("units"))

def before_path(root, label):
    """Where the units lie that the current release had before others were kept for it."""
    return root.at("units", label + ".before.json")

def forget_units(root, label):
    """The current release stays with the units that it has."""
    tried(os.unlink, before_path(root, label))

def units_wait(root, label):
    """Whether the current release is to have other units than those that it runs with."""
    return os.path.exists(before_path(root, label))

def units_of(root, label):
    """What systemd is told of a release; None where nobody has said it."""
    return tried(read_json, root.at("units", label + ".json"))

def check_manager(manager, wanted):
    """Refuse before anything is changed, and say what an administrator has to do."""
    if not os.path.isdir("/run/systemd/system"):
        raise Refused("host-unfit", "this host is not run by systemd")
    me = account()
    if manager.own and not (os.path.exists(os.path.join(manager.runtime, "systemd", "private")) and os.path.exists("/var/lib/systemd/linger/" + me)):
        raise Refused("host-unfit", "what `%s` starts would end when `%s` logs out; as root: loginctl enable-linger %s" % (me, me, me))
    user = wanted.get("user")
    if user is not None and not is_user(user):
        raise Refused("host-unfit", "there is no user `%s` here; as root: useradd --system %s" % (user, user))
    owner = first_line(wanted["files"][0]["text"])
    for file in wanted["files"]:
        text = manager.text(file["name"])
        if text is not None and first_line(text) != owner:
            raise Refused("host-unfit", "`%s` is there already, and not of this directory; two of them need two names of their stacks" % os.path.join(manager.folder, file["name"]))
    if not manager.installs:
        check_allowed(manager, wanted, me)

def is_user(name):
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False

def check_allowed(manager, wanted, me):
    """Who is not root can change no unit, only start and stop those that root has put there."""
    others = sorted(file["name"] for file in wanted["files"] if manager.text(file["name"]) != file["text"])
    if others:
        raise Refused("host-unfit", "`%s` may not install units, and %s not as the release wants it; `caisson units` prints what root has to run here" % (me, "`%s` is" % others[0] if len(others) == 1 else "%d units are" % len(others)))
    for words in sorted(wanted["commands"].values()):
        if sudo_refusal(manager.run, words) is not None:
            raise Refused("host-unfit", "`%s` may not run `%s` with sudo and without a password; `caisson units` prints what root has to run here" % (me, " ".join(words)))

# Start and stop
def restart_units(root, label, scope, deadline):
    """Let systemd know a release's processes, and start them anew. Done when each has been started, well or not."""
    manager, wanted = Systemd(scope), units_of(root, label)
    if wanted is None:
        raise Refused("host-unfit", "nobody here knows the processes of `%s`" % label)
    if manager.installs:
        manager.install(wanted["files"])
    manager.run(manager.allowed(wanted["commands"]["reset"]))  # a process that was started too often must not keep another release from being started
    since, began = time.time(), time.monotonic()
    manager.must(wanted["commands"]["restart"])
    files = started_files(wanted)
    while True:
        states = manager.states([file["name"] for file in files]) if files else {}
        waiting = [file for file in files if states.get(file["name"], {}).get("Job", "0") not in ("", "0")]
        if not waiting:
            break
        if time.monotonic() - began > deadline:
            raise Refused("unhealthy", "process `%s` was not up %g s after it was to start%s" % (waiting[0]["process"], deadline, last_words(manager, wanted, waiting, since)))
        time.sleep(0.1)
    for file in files:
        refuse_failed(manager, wanted, file, states.get(file["name"], {}), since)

def end_units(root, label, scope):
    """Stop a release's processes, and take away what systemd knows of them."""
    manager, wanted = Systemd(scope), units_of(root, label)
    if wanted is None:
        return
    manager.must(wanted["commands"]["stop"])
    if manager.installs:
        manager.uninstall(wanted["files"])

def return_units(root, old, new, scope):
    """The processes of the old release again, whatever has become of those of the new one; none where there was none before."""
    if old == new and units_wait(root, old) and read_json(before_path(root, old)) is not None:
        os.rename(before_path(root, old), root.at("units", old + ".json"))
    elif old == new and units_wait(root, old):
        end_units(root, new, scope)
        tried(os.unlink, root.at("units", old + ".json"))
        os.unlink(before_path(root, old))
        return
    if old is None or units_of(root, old) is None:
        end_units(root, new, scope)
    else:
        restart_units(root, old, scope, RETURN_LIMIT)

def started_files(wanted, package=None):
    """The services that are to run all the time; those that a timer starts are not."""
    timers = {file["name"] for file in wanted["files"] if file["name"].endswith(".timer")}
    services = [file for file in wanted["files"] if file["name"].endswith(".service") and file["name"][:-len("service")] + "timer" not in timers]
    return [file for file in services if package in (None, file["package"])]

# Life
class Watch:
    """The processes of a package as one look after another finds them."""

    def __init__(self, root, label, package, scope):
        self.manager, self.wanted = Systemd(scope), units_of(root, label) or {"files": []}
        self.files = started_files(self.wanted, package)
        self.since = os.lstat(root.at("versions", "current")).st_ctime if root.linked("current") == label else 0  # a link is made anew by the switch
        self.seen = None

    def problem(self):
        """What is wrong with them now, also when one is another process than at the last look; None for nothing. Refuses where systemd has given one up."""
        if not self.files:
            return None
        states = self.manager.states([file["name"] for file in self.files])
        for file in self.files:
            refuse_failed(self.manager, self.wanted, file, states.get(file["name"], {}), self.since)
        ended = ["process `%s` %s" % (file["process"], how_ended(states.get(file["name"], {}))) for file in self.files if states.get(file["name"], {}).get("ActiveState") != "active"]
        now = {name: states[name].get("InvocationID") or states[name].get("MainPID") for name in states}
        changed = self.seen not in (None, now)
        self.seen = now
        return ended[0] if ended else "a process was started again" if changed else None

    def last_words(self):
        return last_words(self.manager, self.wanted, self.files, self.since) if self.files else ""

def refuse_failed(manager, wanted, file, state, since):
    if state.get("ActiveState") == "failed":
        raise Refused("unhealthy", "process `%s` %s, and systemd does not start it again%s" % (file["process"], how_ended(state), last_words(manager, wanted, [file], since)))

def how_ended(state):
    status = state.get("ExecMainStatus", "0")
    if state.get("Result") == "timeout":
        return "did not start in time"
    if state.get("ExecMainCode", "0") in ("0", EXITED):
        return "is not up" if state.get("ExecMainCode", "0") == "0" else "ended with status %s" % status
    names = [name for name in dir(signal) if re.match("SIG[A-Z]", name) and getattr(signal, name) == int(status)]
    return "was ended by %s" % (names[0] if names else "signal %s" % status)

def last_words(manager, wanted, files, since):
    """What processes that were started `since` said last, as the end of a sentence: an error's own line where there is one among the last; nothing where nothing is known."""
    try:
        entries = manager.journal(wanted["commands"]["logs"])
    except Refused:
        return ""
    names = {file["name"] for file in files}
    mine = [entry for entry in entries if unit_of_entry(entry) in names and not is_systemd(entry)]
    before = [entry.get("_SYSTEMD_INVOCATION_ID") for entry in mine if int(entry.get("__REALTIME_TIMESTAMP", 0)) < since * 1e6]
    mine = [entry for entry in mine if int(entry.get("__REALTIME_TIMESTAMP", 0)) >= since * 1e6 and not (entry.get("_SYSTEMD_INVOCATION_ID") and entry["_SYSTEMD_INVOCATION_ID"] in before)]
    said = [line for entry in mine for line in message_of(entry).splitlines() if line.strip()][-60:]
    errors = [line for line in said if re.match(r"(\w+\.)*\w*(Error|Exception)\b", line)]
    return "; last log: %s" % (errors or said)[-1].strip() if said else ""

def unit_of_entry(entry):
    """The unit that said something, or that systemd said something about."""
    return entry.get("UNIT") or entry.get("USER_UNIT") or entry.get("_SYSTEMD_USER_UNIT") or entry.get("_SYSTEMD_UNIT")

def is_systemd(entry):
    return entry.get("SYSLOG_IDENTIFIER") == "systemd"
