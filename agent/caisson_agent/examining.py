"""What a host needs before anything can be deployed to it, found out by doing it on a small scale."""
import fcntl
import os
import re
import time

from .files import exchange, read_bytes, read_json, remove_tree, tried
from .systemd import Systemd, sudo_refusal
from .units import is_user
from .users import account
from .values import Refused, explained, random_word


def step_examine(root, request):
    """Everything that can be asked without a release. Makes and removes a directory beside what is there, and changes nothing else."""
    place = nearest_directory(root.path)
    options = mount_of(place)
    return False, {
        "user": account(), "umask": root.umask, "clock": time.time(), "place": place,
        "root": said(root.check),
        "writing": next((dict(trouble, place=each) for each in places(root, place) for trouble in [said(lambda each=each: try_writing(each))] if trouble), None),
        "linking": said(lambda: try_linking(root)),
        "exchange": tried(lambda path: try_exchange(path), place, False),
        "filesystem": options["type"], "noexec": "noexec" in options["words"],
        "lock": holder_of(root), "selinux": {b"1": "enforcing", b"0": "permissive"}.get((tried(read_bytes, "/sys/fs/selinux/enforce") or b"").strip()),
        "manager": manager_facts(), "sudo": sudo_facts(request.get("commands") or []),
        "wantedUser": None if request.get("user") is None else is_user(request["user"]),
    }

def said(work):
    """What is wrong with something that is tried: a code and a sentence; None where nothing is."""
    try:
        work()
    except (OSError, Refused) as error:
        refused = explained(error)
        return {"code": refused.code, "detail": refused.detail}
    return None

def nearest_directory(path):
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path

def places(root, place):
    """Where a deploy writes, as far as it is there already; shared/ may belong to who runs the processes."""
    inside = [root.at(name) for name in ("trees", "versions")]
    return [place] + [path for path in inside if os.path.isdir(path)]

def try_writing(place):
    """The name is one that a sweep knows, should we end in the middle."""
    probe = os.path.join(place, ".new-probe-" + random_word())
    os.mkdir(probe)
    try:
        with open(os.path.join(probe, "one"), "w") as file:
            file.write("written\n")
            file.flush()
            os.fsync(file.fileno())
        os.rename(os.path.join(probe, "one"), os.path.join(probe, "two"))
        os.symlink("two", os.path.join(probe, "link"))
    finally:
        remove_tree(probe)

def try_linking(root):
    """A release is hard links into the tree store, which no mount may separate from it; one that is bound twice has one device number and refuses all the same."""
    if not (os.path.isdir(root.at("trees")) and os.path.isdir(root.at("versions"))):
        return
    one, other = root.at("trees", ".new-probe-" + random_word()), root.at("versions", ".new-probe-" + random_word())
    with open(one, "w"):
        pass
    try:
        os.link(one, other)
        os.unlink(other)
    except OSError as error:
        raise Refused("host-unfit", "`%s` and `%s` are not on one file system (%s)" % (root.at("trees"), root.at("versions"), error.strerror))
    finally:
        os.unlink(one)

def try_exchange(place):
    """Whether two links can change places in one step, as they must on a full disk."""
    probe = os.path.join(place, ".new-probe-" + random_word())
    os.mkdir(probe)
    try:
        names = [os.path.join(probe, name) for name in ("one", "two")]
        for name in names:
            os.symlink(os.path.basename(name), name)
        return exchange(*names) and os.readlink(names[0]) == "two"
    finally:
        remove_tree(probe)

def mount_of(path):
    """The type and the options of the file system that a directory lies on."""
    real, best = os.path.realpath(path), ("", {"type": "", "words": []})
    for line in (tried(read_bytes, "/proc/self/mounts") or b"").decode("utf-8", "replace").splitlines():
        _, point, kind, words = line.split(" ")[:4]
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), point)
        if (real + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best[0]):
            best = (point, {"type": kind, "words": words.split(",")})
    return best[1]

def holder_of(root):
    """Who changes this host now; None where nobody does."""
    descriptor = tried(lambda path: os.open(path, os.O_RDONLY), root.at(".lock"))
    if descriptor is None or root.lock is not None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except OSError:
        holder = tried(read_json, root.at(".lock"), {})
        return {"by": holder.get("by"), "since": holder.get("since")}
    finally:
        os.close(descriptor)

def manager_facts():
    """systemd, as far as it runs this host: its version, and whether what our user starts outlives his logging out."""
    if not os.path.isdir("/run/systemd/system"):
        return None
    version = re.match(r"systemd (\d+)", asked(["systemctl", "--version"])[1])
    return {"version": int(version.group(1)) if version else None, "lingers": os.path.exists("/var/lib/systemd/linger/" + account())}

def sudo_facts(commands):
    """Of each argument list, whether sudo lets us run it without a password; `detail` is what it says where it does not."""
    if os.geteuid() == 0:
        return [{"allowed": True} for _ in commands]
    refusals = [sudo_refusal(asked, words) for words in commands]
    return [{"allowed": refusal is None, "detail": refusal or ""} for refusal in refusals]

def asked(words):
    """What a program of the host answers; that it is not there, or says nothing, is an answer too."""
    try:
        return Systemd("system").run(words, 20)
    except Refused as refused:
        return 127, "", refused.detail
