"""Who programs run as: our own user, or one that cannot write releases."""
import os
import pwd

from .values import Refused, quoted


def account():
    """The name of our own user."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())

def find_user(user):
    """The record of a user that programs are to run as; None where that is nobody but ourselves."""
    if user is None:
        return None
    try:
        record = pwd.getpwnam(user)
    except KeyError:
        raise Refused("host-unfit", "there is no user `%s` here; make one: useradd --system --shell /usr/sbin/nologin %s" % (user, user))
    if record.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise Refused("permission", "only root can run programs as `%s`, and this agent is `%s`" % (user, account()))
    return record

def become(record):
    """What a new process does to be that user and nobody else. It runs between fork and exec, so it only makes system calls."""
    groups = os.getgrouplist(record.pw_name, record.pw_gid)
    def change():
        os.setgroups(groups)
        os.setgid(record.pw_gid)
        os.setuid(record.pw_uid)
    return change

def home_of(record):
    """What a login would have set."""
    return {} if record is None else {"HOME": record.pw_dir, "USER": record.pw_name, "LOGNAME": record.pw_name, "SHELL": "/bin/sh"}

def give_shared(root, user):
    """`shared/` belongs to whoever runs the processes, who must be able to reach releases. Refused before anything is made."""
    shared = root.at("shared")
    if user is not None and os.geteuid() != 0 and owner_of(shared) == user:
        return  # as root has made it for us
    try:
        record = find_user(user)
    except Refused as refused:
        if refused.code != "permission":
            raise
        raise Refused("permission", "`%s` must belong to `%s`, and only root can see to that; `caisson units` prints what root has to run here once" % (shared, user))
    if record is None:
        return
    blocked = blocked_at(root.at("versions"), record)
    if blocked is not None:
        raise Refused("permission", "`%s` cannot enter `%s`; chmod o+x %s" % (user, blocked, quoted(blocked)))
    if os.stat(shared).st_uid != record.pw_uid:
        os.chown(shared, record.pw_uid, record.pw_gid)

def owner_of(path):
    """The name of a file's owner; None where it has none, or is not there."""
    try:
        return pwd.getpwuid(os.stat(path).st_uid).pw_name
    except (KeyError, OSError):
        return None

def blocked_at(path, record):
    """The first directory on the way to `path` that a user may not enter."""
    place = os.path.realpath(path)
    steps = [place]
    while steps[-1] != "/":
        steps.append(os.path.dirname(steps[-1]))
    for directory in reversed(steps):
        if not may_enter(directory, record):
            return directory
    return None

def may_enter(directory, record):
    """Asked by being that user, for modes alone do not tell."""
    child = os.fork()
    if child == 0:
        try:
            become(record)()
            os._exit(0 if os.access(directory, os.X_OK) else 1)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0
