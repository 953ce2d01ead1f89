"""Whether the directories of a root are such that a deploy can be done in them and nobody else can spoil it: told by looking, before anything is written."""
import os
import pwd
import stat

from .files import tried
from .users import account
from .values import LABEL, Refused, quoted

OURS = ("trees", "versions", ".env", "hooks", "units", ".incoming")  # directories of which we must be able to change modes and remove anything
WRITTEN = ("journal.jsonl", ".generation", ".lock")  # files that are written in place

def check_modes(root):
    """Refuse a root in which a deploy would end half-way, with the command that mends it."""
    trouble = trouble_in(root)
    if trouble is not None:
        raise Refused("permission", trouble)

def trouble_in(root):
    """What is wrong with the first directory or file that is not as it must be, in a sentence; None where all is well."""
    if not os.path.lexists(root.path):
        return blocked_above(root.path)
    places = [root.path] + [root.at(name) for name in OURS] + [root.at("versions", label) for label in root.names("versions", LABEL) if os.path.isdir(root.at("versions", label)) and not os.path.islink(root.at("versions", label))]
    for place in places:
        found = tried(os.stat, place)  # where one is a link, it leads to another disk
        trouble = trouble_of(root, place, found) if found and stat.S_ISDIR(found.st_mode) else None
        if trouble:
            return trouble
    for name in WRITTEN:
        path = root.at(name)
        if os.path.lexists(path) and (not os.path.isfile(path) or not os.access(path, os.R_OK | os.W_OK)):
            return "`%s` cannot be written by `%s`; %s" % (path, account(), mending(path))
    return None

def trouble_of(root, place, found):
    top, release = place == root.path, os.path.dirname(place) == root.at("versions")
    if found.st_uid != os.geteuid() and not top:
        return "`%s` belongs to `%s`, and this agent is `%s`; deploy as `%s`, or: chown -R %s %s" % (place, name_of(found.st_uid), account(), name_of(found.st_uid), account(), quoted(place))
    if found.st_mode & stat.S_IWOTH and not (top and found.st_mode & stat.S_ISVTX):
        return "`%s` may be written by everybody; chmod o-w %s" % (place, quoted(place))
    wanted = os.R_OK | os.X_OK | (0 if release else os.W_OK)
    if not os.access(place, wanted):
        return "`%s` cannot be %s by `%s`; %s" % (place, "read" if release else "written", account(), mending(place))
    return None

def blocked_above(path):
    """Why a root that does not exist cannot be made."""
    above = os.path.dirname(path)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if os.path.isdir(above) and os.access(above, os.W_OK | os.X_OK):
        return None
    return "`%s` cannot be made: `%s` may not write `%s`; as root: install -d -o %s %s" % (path, account(), above, account(), quoted(path))

def mending(path):
    return "it is on a file system that is read-only" if os.statvfs(path).f_flag & os.ST_RDONLY else "chmod u+rwX %s" % quoted(path)

def name_of(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
