"""What every other part of the agent needs: how it refuses, how it logs, and how text from outside becomes a value or a path."""
import errno
import json
import os
import re
import sys

BEAT = 5.0  # seconds between two heartbeats
SILENCE = 15.0  # seconds without a word from the controller until it counts as lost
SERVICE_LIMIT = 120.0  # seconds for the owner's restart and stop commands
JOURNAL_RESERVE = 65536  # bytes set aside, so that a full disk cannot keep us from noting an undo
CHUNK = 1 << 20
HEADER_LIMIT = 1 << 26
CORES = len(os.sched_getaffinity(0))
AREAS = ("site", "bin", "data", "include", "root")
LABEL = r"[A-Za-z0-9][A-Za-z0-9._+!~-]{0,127}\Z"
PACKAGE = r"[a-z0-9]+(-[a-z0-9]+)*\Z"
DIGEST = r"sha256:[0-9a-f]{64}\Z"

class Refused(Exception):
    """What a request ends with when it cannot be done: a code to decide by, a sentence to read, and where there is one the command that mends it here."""

    def __init__(self, code, detail, mend=None):
        Exception.__init__(self, code, detail)
        self.code = code
        self.detail = detail
        self.mend = mend

    def answer(self):
        """In an answer's words."""
        words = {"ok": False, "code": self.code, "detail": self.detail}
        return words if self.mend is None else dict(words, mend=self.mend)

def explained(error):
    """Any exception as a Refused; what nobody foresaw goes to the log whole."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, OSError):
        words = "%s: `%s`" % (error.strerror, error.filename) if error.filename else str(error.strerror or error)
        codes = {errno.ENOSPC: "disk-full", errno.EDQUOT: "disk-full", errno.EACCES: "permission", errno.EPERM: "permission", errno.EROFS: "permission"}
        return Refused(codes.get(error.errno, "process-failed"), words)
    sys.excepthook(type(error), error, error.__traceback__)
    return Refused("process-failed", "the agent failed: %s: %s" % (type(error).__name__, error))

def log(text):
    """A line on stderr, which is for people who look for a reason and for nobody else."""
    os.write(2, ("agent: %s\n" % text).encode("utf-8", "replace"))

def canonical_json(value):
    """The one byte sequence of a value, equal to that of model/canonical-json.ts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")

def checked(text, shape, what):
    """Text from outside that will become a part of a path."""
    if not isinstance(text, str) or not re.match(shape, text):
        raise Refused("name-invalid", "`%s` is no %s" % (text, what))
    return text

def checked_label(label):
    return checked(label, LABEL, "legal release name")

def digest_hex(digest):
    return checked(digest, DIGEST, "digest")[len("sha256:"):]

def checked_path(path):
    """A relative path that stays below where it starts, as the system spells it."""
    parts = path.split("/")
    if "" in parts or "." in parts or ".." in parts or "\0" in path:
        raise Refused("bundle-invalid", "`%s` is not a plain relative path" % path)
    return native(path)

def native(text):
    """Text whose bytes on disk are its UTF-8 whatever the locale: under LANG=C Python 3.6 knows ASCII only."""
    return os.fsdecode(text.encode("utf-8"))

def portable(path):
    """The reverse of `native`, for people and JSON."""
    return os.fsencode(path).decode("utf-8", "replace")

def quoted(path):
    """As a shell reads it."""
    from shlex import quote
    return quote(path)

def random_word():
    return "%012x" % int.from_bytes(os.urandom(6), "big")

def minor_of(version):
    return ".".join(version.split(".")[:2])
