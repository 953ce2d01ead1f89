"""Hooks: a package's own programs at moments of a release's life."""
import os
import re
import time

from .environments import secrets_of
from .files import shortened, tried, write_all
from .programs import run_program
from .services import service_environment
from .users import find_user
from .values import PACKAGE, Refused, checked, checked_label
from .workers import fault

LOG_LIMIT = 1 << 20  # bytes of a release's log of hooks, before it begins anew

def step_hook(root, request):
    """Run one hook to its end, unless it has done its work for this release already."""
    label, package, hook = checked_label(request["release"]), checked(request["package"], PACKAGE, "package name"), request["hook"]
    name = hook_name(package, hook)
    if name in hooks_done(root.journal(), label):
        return False, None
    if root.manifest(label) is None:
        raise Refused("host-unfit", "there is no whole release `%s` here" % label)
    run_hook(root, label, package, hook, request.get("user"))
    return True, None

def step_ran(root, request):
    """Write down that another host has run a hook for all."""
    label, hook = checked_label(request["release"]), request["hook"]
    name = hook_name(checked(request["package"], PACKAGE, "package name"), hook)
    if name in hooks_done(root.journal(), label):
        return False, None
    root.note("hook", None, label, detail="done on %s: %s" % (request["host"], name), ended=True, **said_of(name, hook))
    return True, None

def said_of(name, hook):
    """What the journal says of a hook wherever it names one."""
    return {"hook": name, "at": hook["at"], "once": hook["once"], "irreversible": not hook["reversible"] or None}

def run_hook(root, label, package, hook, user):
    """The journal says that an irreversible one begins: whatever becomes of us then, nobody goes back across it by himself."""
    name, began = hook_name(package, hook), time.monotonic()
    more = said_of(name, hook)
    record, environment, argv = prepare_hook(root, label, package, hook, user)
    if more["irreversible"]:
        root.note("hook", None, label, detail="begun: " + name, ended=False, **more)
    fault("hook", "middle")
    try:
        status, output = run_program(argv, os.path.realpath(root.at("versions", label)), environment, hook["timeout"], record, secrets_of(root))
    except OSError as error:
        raise Refused("hook-failed", "hook `%s` cannot be run: %s" % (name, error.strerror))
    seconds = time.monotonic() - began
    how = "was killed after %g s" % hook["timeout"] if status is None else "was ended by signal %d" % -status if status < 0 else "ended with %d" % status
    keep_output(root, label, "%s: %s after %.1f s" % (name, how, seconds), output)
    if status != 0:
        root.note("hook", None, label, detail="%s: %s" % (how, name), ended=False, **more)
        raise Refused("hook-failed", "hook `%s` %s%s" % (name, how, shortened(output, 10)))
    root.note("hook", None, label, detail="done in %.1f s: %s" % (seconds, name), ended=True, **more)

def prepare_hook(root, label, package, hook, user):
    """Who runs it, in which environment, and its words. Whatever is missing is missed before anything is written."""
    release = os.path.realpath(root.at("versions", label))
    programs = [os.path.join(release, package, "bin"), os.path.join(release, "bin")]
    # Before a switch they work for what will be; behind it that is in force already.
    environment = dict(service_environment(root, release, package, root.unsettled() is None), PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1")
    environment["PATH"] = os.pathsep.join(programs + [environment.get("PATH") or os.defpath])
    argv = [expanded(word, environment, hook_name(package, hook)) for word in hook["argv"]]
    own = os.path.join(programs[0], argv[0])
    return find_user(user), environment, [own if "/" not in argv[0] and os.path.isfile(own) else argv[0]] + argv[1:]

def expanded(word, environment, name):
    """A word with `$NAME` and `${NAME}` replaced; it stays one word, whatever the value holds."""
    def value(found):
        variable = found.group(1) or found.group(2)
        if variable not in environment:
            raise Refused("hook-failed", "set %s, which hook `%s` uses" % (variable, name))
        return environment[variable]
    return re.sub(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))", value, word)

def hook_name(package, hook):
    """As model/package.ts says it."""
    return "%s %s: %s" % (package, hook["at"], re.sub(r"[\x00-\x1f\x7f]", "?", " ".join(hook["argv"])))

def keep_output(root, label, headline, output):
    """The last of what hooks of a release printed, for people; that there is no room for it is no reason to fail."""
    def write(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(descriptor).st_size > LOG_LIMIT:
                os.ftruncate(descriptor, 0)
            write_all(descriptor, ("== %s\n" % headline).encode("utf-8", "replace") + output + (b"" if output.endswith(b"\n") or not output else b"\n"))
        finally:
            os.close(descriptor)
    tried(lambda path: os.mkdir(path, 0o700), root.at("hooks"))
    tried(write, root.at("hooks", label + ".log"))

# What the journal remembers
def hooks_done(journal, label):
    """Names of hooks that have done their work for a release: until another one is the host's, and those of one host also until the release is made anew, or (after a switch) until that is undone."""
    done = {}
    for entry in journal:
        if entry["event"] == "hook" and entry["to"] == label and entry.get("ended"):
            done[entry["hook"]] = entry
        elif entry["event"] in ("confirmed", "kept") and entry["to"] != label:
            done = {}
        elif entry["event"] == "staged" and entry["to"] == label:
            done = {name: done[name] for name in done if done[name].get("once") == "stack"}
        elif entry["event"] in ("undone", "recovered") and entry["to"] == label:
            done = {name: done[name] for name in done if done[name].get("once") == "stack" or done[name].get("at") != "after-activate"}
    return sorted(done)

def hooks_crossed(journal, label, made):
    """Names of irreversible hooks that have run for other releases since a release was current, or was made at generation `made`."""
    since = max([made] + [entry["generation"] for entry in journal if entry["event"] in ("confirmed", "kept") and entry["to"] == label])
    return sorted({name for entry in journal if entry["to"] != label and entry["generation"] > since for name in irreversible_hooks(entry)})

def irreversible_hooks(entry):
    """What an entry of the journal says to have run that cannot be taken back."""
    if entry["event"] == "hook":
        return [entry["hook"]] if entry.get("irreversible") else []
    return entry.get("irreversible") or []

def closed_by(journal, switch):
    """Names of the hooks that close the way back from a switch."""
    own = [name for entry in journal if entry["event"] == "hook" and entry["to"] == switch["to"] and entry["generation"] == switch["generation"] for name in irreversible_hooks(entry)]
    return sorted(set((switch.get("irreversible") or []) + own))
