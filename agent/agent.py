"""Caisson's program on a host: keeps trees, makes releases of links into them, switches from one to another.

`agent.py ROOT --marker HEX` answers requests on its input until that ends; PROTOCOL.md describes them.
`agent.py install BUNDLE DST` puts one unpacked bundle at DST; install.sh calls it.

One file, standard library, no syntax newer than Python 3.4; CPython 3.6 and newer run it. No threads: one process talks to the controller,
forked workers do what takes long. It knows no rules of wheels: a tree's document says which bytes lie where; they are written and checked.
"""
# ruff: noqa: UP031, UP036, BLE001 -- older Pythons have no f-strings; 3.5 must be told; a worker has to report whatever happened
import errno
import fcntl
import glob
import hashlib
import json
import mmap
import os
import re
import select
import signal
import stat
import struct
import subprocess
import sys
import time
import zlib

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
    """What a request ends with when it cannot be done: a code to decide by, and a sentence to read."""

    def __init__(self, code, detail):
        Exception.__init__(self, code, detail)
        self.code = code
        self.detail = detail

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

def fault(step, moment):
    """For tests: CAISSON_FAULT=STEP:MOMENT kills the agent there, and the worker with it."""
    if os.environ.get("CAISSON_FAULT") == "%s:%s" % (step, moment):
        os.kill(Worker.parent or os.getpid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

def log(text):
    """A line on stderr, which is for people who look for a reason and for nobody else."""
    os.write(2, ("agent: %s\n" % text).encode("utf-8", "replace"))

# ---- values
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

def random_word():
    return "%012x" % int.from_bytes(os.urandom(6), "big")

def minor_of(version):
    return ".".join(version.split(".")[:2])

# ---- files
def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()

def read_json(path):
    return json.loads(read_bytes(path).decode("utf-8"))

def tried(read, path, otherwise=None):
    """What `read` makes of a path; `otherwise` where it is not there, not ours to look at, or not what it should be."""
    try:
        return read(path)
    except (OSError, ValueError):
        return otherwise

def read_link(path):
    return tried(os.readlink, path)

def pieces_of(path):
    with open(path, "rb") as file:
        yield from iter(lambda: file.read(CHUNK), b"")

def hash_of(path):
    hasher = hashlib.sha256()
    for piece in pieces_of(path):
        hasher.update(piece)
    return hasher.hexdigest()

def write_all(descriptor, data):
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view):]

def write_new(path, pieces, mode=0o644):
    """A file that was not there; made read-only, it is still written this once. Returns its length and the hex digits of its digest."""
    hasher, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        for piece in pieces:
            hasher.update(piece)
            size += len(piece)
            write_all(descriptor, piece)
    finally:
        os.close(descriptor)
    return size, hasher.hexdigest()

def libc():
    import ctypes
    return ctypes.CDLL(None, use_errno=True)

def sync_path(path, sync=os.fsync):
    """Make a file's bytes, or a directory's names, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)

def sync_filesystem(path):
    """Everything written below `path`, in one go: an fsync for each file of a release takes a hundred times as long."""
    sync_path(path, lambda descriptor: libc().syncfs(descriptor) == 0 or os.sync())

def reserve(descriptor, length):
    """Blocks for what will be appended to a file, which keeps its size. Where the file system cannot, so be it."""
    import ctypes
    keep_size, end = 1, os.fstat(descriptor).st_size
    if hasattr(libc(), "fallocate64"):
        libc().fallocate64(descriptor, keep_size, ctypes.c_int64(end), ctypes.c_int64(length))

def exchange(one, other):
    """Two names change places in one atomic step, which needs no free inode. False where the kernel cannot."""
    import ctypes
    here, swap, renameat2 = -100, 2, {"x86_64": 316, "aarch64": 276}.get(os.uname().machine)
    if renameat2 is None:
        return False
    return libc().syscall(ctypes.c_long(renameat2), here, os.fsencode(one), here, os.fsencode(other), ctypes.c_uint(swap)) == 0

def remove_tree(path):
    """A file, or a directory with everything in it, also where its directories are read-only; links are not followed."""
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
        return
    os.chmod(path, 0o700)
    for name in os.listdir(path):
        remove_tree(os.path.join(path, name))
    os.rmdir(path)

def read_end(path):
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
        return file.read()

def shortened(output, count):
    """The last lines of what a program printed, as one, behind a colon; nothing for nothing."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    return ": " + " | ".join(lines[-count:]) if lines else ""

# ---- workers
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
        refused = explained(error)
        return {"ok": False, "code": refused.code, "detail": refused.detail}

# ---- trees
class Wheel:
    """The members of one zip file, by name. Controllers have checked the file; every member's hash is checked anyway."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.view = memoryview(self.bytes)
        self.members = dict(self.directory())

    def chunks(self, name):
        """The member's bytes, unpacked, in pieces."""
        if name not in self.members:
            raise Refused("blob-missing", "a wheel has no member `%s`" % name)
        method, size, offset = self.members[name]
        start = offset + 30 + sum(struct.unpack_from("<2H", self.bytes, offset + 26))
        packed = (self.view[at:min(at + CHUNK, start + size)] for at in range(start, start + size, CHUNK))
        return packed if method == 0 else inflated(packed)

    def directory(self):
        """Each member of the central directory: name, (method, packed size, offset of its header)."""
        end = self.bytes.rfind(b"PK\5\6")
        if end < 0:
            raise Refused("wheel-invalid", "a wheel is not a zip file")
        count, at = struct.unpack_from("<10xH4xI", self.bytes, end)
        if end >= 20 and self.bytes[end - 20:end - 16] == b"PK\6\7":
            count, at = struct.unpack_from("<32xQ8xQ", self.bytes, struct.unpack_from("<8xQ", self.bytes, end - 20)[0])
        for _ in range(count):
            method, packed, size, name_length, extra_length, comment_length, offset = struct.unpack_from("<10xH8xII3H8xI", self.bytes, at)
            name_end = at + 46 + name_length
            if 0xFFFFFFFF in (packed, size, offset):
                packed, offset = self.wide(name_end, name_end + extra_length, size, packed, offset)
            yield self.bytes[at + 46:name_end].decode("utf-8", "replace"), (method, packed, offset)
            at = name_end + extra_length + comment_length

    def wide(self, at, end, size, packed, offset):
        """Packed size and offset from the zip64 extra field, which holds only what did not fit, in this order."""
        while at + 4 <= end:
            kind, room = struct.unpack_from("<2H", self.bytes, at)
            if kind == 1:
                values = list(struct.unpack_from("<%dQ" % (room // 8), self.bytes, at + 4))
                _, packed, offset = [values.pop(0) if value == 0xFFFFFFFF else value for value in (size, packed, offset)]
            at += 4 + room
        return packed, offset

def inflated(pieces):
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
    for piece in pieces:
        yield decompressor.decompress(piece)
    yield decompressor.flush()

class Blobs:
    """The bytes that files of trees come from; `place` says in which file those of some hex digits lie."""

    def __init__(self, place):
        self.place = place
        self.wheels = {}

    def path(self, digest):
        path = self.place(digest_hex(digest))
        if not os.path.isfile(path):
            raise Refused("blob-missing", "the blob `%s` is not here" % digest)
        return path

    def chunks(self, source):
        if source["from"] == "inline":
            return [source["text"].encode("utf-8")]
        if source["from"] == "blob":
            return pieces_of(self.path(source["blob"]))
        if source["blob"] not in self.wheels:
            self.wheels[source["blob"]] = Wheel(self.path(source["blob"]))
        return self.wheels[source["blob"]].chunks(source["member"])

def read_tree(document, tree):
    """The entries of a tree's document, which must be those that its id is the hash of."""
    value = read_json(document)
    identity = [{key: entry[key] for key in entry if key != "source"} for entry in value["entries"]]
    if value["schema"] != "caisson.tree/1" or hashlib.sha256(canonical_json(identity)).hexdigest() != digest_hex(tree):
        raise Refused("digest-mismatch", "the document of tree `%s` describes another tree" % tree)
    for entry in value["entries"]:
        checked_path(entry["path"])
        if entry["path"].split("/", 1)[0] not in AREAS:
            raise Refused("bundle-invalid", "`%s` lies in no area of a tree" % entry["path"])
    return value["entries"]

def make_tree(entries, blobs, directory, python):
    """Write a tree's files below `directory`, which is new; `python` compiles its modules, None leaves that out."""
    os.mkdir(directory)
    directories = {"": directory}
    for entry in entries:
        if entry["kind"] == "directory":
            directory_for(native(entry["path"]), directories)
        elif entry["kind"] == "file":
            written = write_new(place_for(native(entry["path"]), directories), blobs.chunks(entry["source"]), 0o555 if entry["mode"] & 0o100 else 0o444)
            if written != (entry["size"], digest_hex(entry["digest"])):
                raise Refused("digest-mismatch", "`%s` is not what its tree's document says" % entry["path"])
    # Last, so that nothing is ever written through one.
    for entry in entries:
        if entry["kind"] == "link":
            inside = os.path.normpath(os.path.join(os.path.dirname(entry["path"]), entry["target"]))
            if inside.split("/", 1)[0] not in AREAS:
                raise Refused("bundle-invalid", "the link `%s` leaves its tree" % entry["path"])
            os.symlink(native(entry["target"]), place_for(native(entry["path"]), directories))
    fault("tree", "middle")
    if python is not None:
        compile_tree(entries, directory, python)

def place_for(path, directories):
    """Where a path of the tree lies; the directory that it lies in is there."""
    parent, name = os.path.split(path)
    return "%s/%s" % (directory_for(parent, directories), name)

def directory_for(path, directories):
    """The directory of a tree's own at `path`, made with those above it where it is new."""
    if path not in directories:
        directories[path] = place_for(path, directories)
        os.mkdir(directories[path])
    return directories[path]

def seal(directory):
    """Directories of a tree may not be written to, from the inside out."""
    for folder, _, _ in os.walk(directory, topdown=False):
        os.chmod(folder, 0o555)

def compile_tree(entries, directory, python):
    """Bytecode for the tree's modules, made by `python` in a process of its own: what it makes must not depend on what it made before."""
    modules = [entry["path"].encode("utf-8") for entry in entries if entry["kind"] == "file" and re.match(r"site/.*\.py\Z", entry["path"], re.DOTALL)]
    if not modules:
        return
    # Not -I nor -E: they would ignore the hash seed, and the order of a frozenset's members with it.
    words = [python, "-S", "-s", "-B", "-W", "ignore", "-c", own_source("compile_modules") + "\ncompile_modules()\n"]
    process = subprocess.Popen(words, cwd=directory, env={"PYTHONHASHSEED": "0"}, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process.communicate(b"\0".join(modules))
    if process.returncode != 0:
        log("bytecode of %s: the compiler ended with %d" % (directory, process.returncode))

def compile_modules():
    """Runs in a release's interpreter: compile the modules named on stdin. One that does not compile is left as source."""
    import marshal
    import os
    import sys
    from importlib import util
    suffix = os.fsencode(".%s.pyc" % sys.implementation.cache_tag)
    moment = 315532800  # 1980-01-01, where bytecode goes by the time of its source
    parent = os.getppid()
    for path in sys.stdin.buffer.read().split(b"\0"):
        if os.getppid() != parent:
            return  # nobody waits for it
        with open(path, "rb") as file:
            source = file.read()
        try:
            code = compile(source, os.fsdecode(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, OverflowError, MemoryError):  # novm
            continue
        if hasattr(util, "source_hash"):
            check = b"\1\0\0\0" + util.source_hash(source)  # novm; PEP 552: unchecked, so nobody needs to read the source
        else:
            check = moment.to_bytes(4, "little") + (len(source) & 0xFFFFFFFF).to_bytes(4, "little")
            os.utime(path, (moment, moment))
        folder, name = os.path.split(path)
        os.makedirs(folder + b"/__pycache__", exist_ok=True)
        target = os.open(folder + b"/__pycache__/" + name[:-3] + suffix, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o444)
        with open(target, "wb") as file:
            file.write(util.MAGIC_NUMBER + check + marshal.dumps(code))

def own_source(name):
    """The text of one of our functions, for another interpreter to run. PROGRAM is set where we came over a channel and are no file."""
    text = globals().get("PROGRAM") or read_bytes(__file__).decode("utf-8")
    return re.search(r"^def %s\(.*?\n(?=\S)" % name, text, re.MULTILINE | re.DOTALL).group(0)

# ---- interpreters and the machine
def describe_interpreter():
    """What the running interpreter is; `path` is the interpreter proper, behind virtual environments and version managers."""
    import os
    import sys
    import sysconfig
    return {
        "path": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
        "implementation": sys.implementation.name,
        "version": "%d.%d.%d" % sys.version_info[:3],
        "soabi": sysconfig.get_config_var("SOABI"),
    }

def ask_program(words, function):
    """What one of our functions returns in another interpreter; None where that is none, or a version manager's script with nothing behind it."""
    program = "import json\n" + own_source(function) + "print(json.dumps(%s()))" % function
    try:
        process = subprocess.Popen(words + ["-I", "-c", program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return json.loads(process.communicate(timeout=30)[0].decode("utf-8"))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None

def find_interpreter(minor):
    """The CPython of this minor on this host: our own, or what `pythonX.Y` on PATH turns out to be. None where there is none."""
    own = describe_interpreter()
    return own if minor_of(own["version"]) == minor else ask_program(["python" + checked(minor, r"3\.\d+\Z", "version of Python")], "describe_interpreter")

def check_interpreter(wanted, found, name, subject):
    """Refuse an interpreter on which a release cannot run; `found` is None where there is none."""
    trouble = None
    if found is None:
        trouble = ", and there is no %s here" % name
    elif found["implementation"] != "cpython":
        trouble = ", %s is %s" % (name, found["implementation"])
    elif minor_of(found["version"]) != wanted["version"]:
        trouble = ", %s is %s" % (name, minor_of(found["version"]))
    elif wanted.get("soabi") not in (None, found["soabi"]):
        trouble = " with the ABI %s, and that of %s is %s" % (wanted["soabi"], name, found["soabi"])
    if trouble is not None:
        raise Refused("interpreter-unfit", "%s needs CPython %s%s" % (subject, wanted["version"], trouble))

def check_machine(platform, subject):
    """Refuse a platform whose programs cannot run here."""
    def numbers(version):
        return [int(number) for number in re.findall(r"\d+", version)]
    wanted, found, arch = platform["libc"], libc_facts(), os.uname().machine
    if platform["arch"] != arch:
        raise Refused("host-unfit", "%s is for %s, and this machine is %s" % (subject, platform["arch"], arch))
    if wanted["family"] != found["family"] or (found["version"] and numbers(found["version"]) < numbers(wanted["version"])):
        raise Refused("host-unfit", "%s is for %s (%s %s or newer), and this machine has %s %s" % (subject, platform["label"], wanted["family"], wanted["version"], found["family"], found["version"]))

def libc_facts():
    words = (tried(os.confstr, "CS_GNU_LIBC_VERSION") or "").split()
    if len(words) == 2:
        return {"family": "glibc", "version": words[1]}
    loaders = glob.glob("/lib/ld-musl-*.so.1")
    said = subprocess.Popen(loaders[:1], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).communicate()[1] if loaders else b""
    version = re.search(br"Version (\S+)", said)
    return {"family": "musl", "version": version.group(1).decode("ascii") if version else ""}

def os_facts():
    """ID and VERSION_ID of os-release."""
    text = tried(read_bytes, "/etc/os-release") or tried(read_bytes, "/usr/lib/os-release", b"")
    pairs = dict(re.findall(r"^(ID|VERSION_ID)=[\"']?(.*?)[\"']?$", text.decode("utf-8", "replace"), re.MULTILINE))
    return {"id": pairs.get("ID", "linux"), "release": pairs.get("VERSION_ID", "")}

def python_facts():
    """CPython minors on PATH with the path of each: our own, and ELF programs named for their minor. A version manager's scripts take a tenth of a second each, and are asked when one is needed."""
    own = describe_interpreter()
    found = {minor_of(own["version"]): own["path"]}
    for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
        for minor in ["3.%d" % number for number in range(6, 30)]:
            path = os.path.join(directory, "python" + minor)
            if minor not in found and os.access(path, os.X_OK) and tried(lambda place: next(pieces_of(place), b""), path, b"").startswith(b"\x7fELF"):
                found[minor] = os.path.realpath(path)
    return found

def host_facts(root):
    place = root
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    room = os.statvfs(place)
    return {
        "os": os_facts(), "arch": os.uname().machine, "libc": libc_facts(),
        "python": "%d.%d.%d" % sys.version_info[:3], "pythons": python_facts(),
        "freeBytes": room.f_bavail * room.f_frsize, "freeInodes": room.f_favail,
        "privileges": "root" if os.geteuid() == 0 else "user",
    }

# ---- a package's part of a release
class Part:
    """One payload's directory: links into trees, programs that lie in it for real, and its interpreter."""

    def __init__(self, payload, directory, trees, up):
        self.payload = payload
        self.directory = directory
        self.trees = trees  # where the trees are while the part is made
        self.up = up  # and how its links name that place from its top

    def make(self, interpreter):
        """Everything of the part; `interpreter` as `choose_interpreter` says."""
        for tree in self.payload["trees"]:
            if not os.path.isdir(self.tree_path(tree["id"])):
                raise Refused("blob-missing", "the tree `%s` is not here" % tree["id"])
        os.makedirs(self.directory, exist_ok=True)
        for link in self.payload["links"]:
            self.place(link, os.path.join(self.directory, checked_path(link["path"])), interpreter)
        for link in self.payload["links"]:
            if link["path"].endswith(".py") and "tree" in link:
                place_bytecode(self.tree_path(link["tree"], link["to"]), os.path.join(self.directory, native(link["path"])))
        if interpreter is not None:
            # The first is a link to the interpreter, the others are links to the first.
            os.makedirs(os.path.join(self.directory, "bin"), exist_ok=True)
            for name, target in (("python", interpreter[0]), ("python3", "python"), ("python" + minor_of(interpreter[2]), "python")):
                os.symlink(target, os.path.join(self.directory, "bin", name))
        site = os.path.join(self.directory, "lib", "python" + self.payload["platform"]["python"]["version"], "site-packages")
        if os.path.isdir(site):
            os.utime(site)  # W25: import caches go by a directory's time, and links made within one tick of the clock would escape them

    def tree_path(self, tree, path=None):
        top = os.path.join(self.trees, digest_hex(tree))
        return top if path is None else os.path.join(top, checked_path(path))

    def place(self, link, path, interpreter):
        if link["how"] == "directory":
            os.mkdir(path)
        elif link["how"] == "render":
            write_new(path, [("home = %s\ninclude-system-site-packages = false\nversion = %s\n" % (portable(interpreter[1]), interpreter[2])).encode("utf-8")])
        elif not os.path.lexists(self.tree_path(link["tree"], link["to"])):
            raise Refused("blob-missing", "the tree `%s` has no `%s`" % (link["tree"], link["to"]))
        elif link["how"] == "symlink":
            os.symlink(self.from_depth(link["path"].count("/"), link["tree"], link["to"]), path)
        else:
            link_or_copy(self.tree_path(link["tree"], link["to"]), path)

    def from_depth(self, depth, tree, path):
        """A relative link from `depth` directories below the part's top."""
        return "%s%s/%s/%s" % ("../" * depth, self.up, digest_hex(tree), checked_path(path))

def place_bytecode(source, path):
    """A module that is linked by itself is looked for with its bytecode beside the link, not beside the file."""
    made, cache = os.path.join(os.path.dirname(source), "__pycache__"), os.path.join(os.path.dirname(path), "__pycache__")
    for name in tried(os.listdir, made, []):
        target = os.path.join(cache, name)
        if name.startswith(os.path.basename(source)[:-2]) and name.count(".") == os.path.basename(source).count(".") + 1 and not os.path.islink(cache) and not os.path.lexists(target):
            os.makedirs(cache, exist_ok=True)
            link_or_copy(os.path.join(made, name), target)

def link_or_copy(source, target):
    """A second name for a file, or for every file of a directory, whose real path then lies in the release; a copy where there can be none."""
    kind = os.lstat(source).st_mode
    if stat.S_ISDIR(kind):
        os.mkdir(target)
        for name in os.listdir(source):
            link_or_copy("%s/%s" % (source, name), "%s/%s" % (target, name))
    elif stat.S_ISLNK(kind):
        os.symlink(os.readlink(source), target)
    else:
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
                raise
            write_new(target, pieces_of(source), stat.S_IMODE(kind))

def choose_interpreter(part, find, subject):
    """What the part's bin/python leads to, pyvenv.cfg's home, and the version; None for a part without. `find` returns the host's interpreter of a minor, and what it is called."""
    wanted, platform = part.payload.get("interpreter"), part.payload["platform"]
    if wanted is None:
        return None
    check_machine(platform, subject)
    if wanted["from"] == "host":
        found, name = find(wanted["version"])
        check_interpreter(wanted, found, name, subject)
        return found["path"], os.path.dirname(found["path"]), found["version"]
    program = os.path.realpath(part.tree_path(wanted["tree"], wanted["executable"]))
    if not os.access(program, os.X_OK):
        raise Refused("interpreter-unfit", "%s brings an interpreter `%s` that is not there" % (subject, wanted["executable"]))
    return part.from_depth(1, wanted["tree"], wanted["executable"]), os.path.dirname(program), platform["python"].get("full", platform["python"]["version"])

# ---- a target's root
class Root:
    """The directory of a target: its trees, its releases, which of them is current, and the journal of its changes."""

    def __init__(self, path):
        self.path = path
        self.generation = None  # of this run, once the lock is held
        self.by = None
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

    def unsettled(self):
        """The switch that nobody has confirmed or undone, as its journal line; None where all is settled."""
        switches = [entry for entry in self.journal() if entry["event"] in ("switching", "activated", "confirmed", "undone", "recovered")]
        return switches[-1] if switches and switches[-1]["event"] in ("switching", "activated") else None

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

    def begin(self, generation, by):
        """Take the host for a run that saw it at `generation` - 1; settle what an earlier run left. Nothing else has been done before."""
        self.check()
        for directory in ("trees", "versions", "shared"):
            os.makedirs(self.at(directory), exist_ok=True)
        if not self.take_lock():
            holder = tried(read_json, self.at(".lock"), {})
            since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(holder.get("since")))
            raise Refused("host-busy", "`%s` has been changing this host since %s (process %s)" % (holder.get("by"), since, holder.get("process")))
        try:
            self.by = by
            self.recover()
            stored = self.stored_generation()
            if stored != generation - 1:
                raise Refused("host-changed", "this host has been changed since it was looked at (generation %d, expected %d)" % (stored, generation - 1))
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
            os.pwrite(self.lock, json.dumps({"by": self.by, "since": int(time.time()), "process": os.getpid()}).ljust(512).encode("ascii"), 0)
            reserve(journal, JOURNAL_RESERVE)
        finally:
            os.close(number)
            os.close(journal)
        sync_path(self.path)

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
        if current == new:
            self.switch(old)
        elif current != old:
            detail += "; `current` led to `%s` and was left alone" % current
        command = (entry.get("service") or {}).get("stop" if old is None else "restart")
        if command and (current == new or entry["event"] == "activated"):
            try:
                run_service(self, new if old is None else old, command)
            except Refused as refused:
                detail += "; " + refused.detail
        self.note(event, old, new, detail=detail)
        self.keep_previous(None)
        return {"from": old, "to": new, "detail": detail}

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
        for directory in ("trees", "versions"):
            for name in self.names(directory, r"\.(new|trash)-"):
                remove_tree(self.at(directory, name))
        for name in self.names("", r"\.incoming\Z"):
            remove_tree(self.at(name))

# ---- steps: each takes the root and its request, and returns (changed, facts)
def step_stage(root, request):
    """Make a release's directory: everything under a name that nobody sees, its manifest last, then one rename."""
    label, stack = checked_label(request["release"]), request["stack"]
    payloads = [read_json(root.blobs().path(descriptor["digest"])) for descriptor in request["payloads"]]
    manifest = {
        "schema": "caisson.release/1", "label": label, "name": stack["name"], "stack": stack["digest"], "generation": root.generation, "time": int(time.time()),
        "payloads": [{"package": payload["package"], "version": payload["version"], "kind": payload["kind"], "payload": descriptor["digest"]} for payload, descriptor in zip(payloads, request["payloads"])],
        "trees": sorted({tree["id"] for payload in payloads for tree in payload["trees"]}),
    }
    if stands_already(root, label, manifest):
        return False, None
    new = root.at("versions", ".new-%s-%s" % (label, random_word()))
    parts = [Part(payload, os.path.join(new, checked(payload["package"], PACKAGE, "package name")), root.at("trees"), "../../../trees") for payload in payloads]
    interpreters = [choose_interpreter(part, lambda minor: (find_interpreter(minor), "`python%s`" % minor), "`%s`" % part.payload["package"]) for part in parts]
    try:
        os.mkdir(new)
        for part, interpreter in zip(parts, interpreters):
            part.make(interpreter)
        place_shared(new, payloads)
        fault("stage", "middle")
        write_new(os.path.join(new, "manifest.json"), [canonical_json(manifest)], 0o444)
        sync_filesystem(new)
        os.rename(new, root.at("versions", label))
        sync_path(root.at("versions"))
    except Exception:
        tried(remove_tree, new)
        raise
    root.note("staged", None, label)
    return True, None

def stands_already(root, label, manifest):
    """Whether this very release stands there; refuse where another one has its name, or the root belongs to another stack."""
    for _, other in root.manifests():
        if other["name"] != manifest["name"]:
            raise Refused("host-unfit", "this root belongs to the stack `%s`; choose another root for `%s`" % (other["name"], manifest["name"]))
    found = root.manifest(label)
    if found is None and os.path.lexists(root.at("versions", label)):
        raise Refused("host-unfit", "`%s` is not one of Caisson's releases; move it away" % root.at("versions", label))
    if found is not None and (found["stack"], found["payloads"]) != (manifest["stack"], manifest["payloads"]):
        raise Refused("host-changed", "the release `%s` stands here with other content" % label)
    return found is not None

def place_shared(release, payloads):
    """The release's own bin/, links into those of its packages; with one Python package also what makes it an environment of its own."""
    os.mkdir(os.path.join(release, "bin"))
    owners = {"bin": "the release", "lib": "the release"}
    for package in [payload["package"] for payload in payloads]:
        names = [package] + ["bin/" + name for name in tried(os.listdir, os.path.join(release, package, "bin"), []) if not re.match(r"python[0-9.]*\Z", name)]
        for name in names:
            if name in owners:
                raise Refused("collision", "`%s` and `%s` both have `%s`" % (owners[name], package, portable(name)))
            owners[name] = package
            if name != package:
                os.symlink("../%s/%s" % (package, name), os.path.join(release, name))
    pythons = [payload for payload in payloads if "interpreter" in payload]
    if len(pythons) == 1:
        for name in ("python", "python3", "python" + pythons[0]["platform"]["python"]["version"]):
            os.symlink("../%s/bin/python" % pythons[0]["package"], os.path.join(release, "bin", name))
        for name in ("lib", "pyvenv.cfg"):
            os.symlink("%s/%s" % (pythons[0]["package"], name), os.path.join(release, name))

def step_activate(root, request):
    """Let `current` lead to a staged release; until `confirm` it may be taken back at any time, and will be when the controller is lost."""
    label, current, service = checked_label(request["release"]), root.linked("current"), request.get("service")
    if current == label:
        return False, None
    if current != request["saw"] or root.unsettled() is not None:
        raise Refused("host-changed", "`current` leads to %s%s, expected %s" % (current, " and is not confirmed" if root.unsettled() else "", request["saw"]))
    manifest = root.manifest(label)
    if manifest is None or not {digest_hex(tree) for tree in manifest["trees"]} <= set(root.trees()):
        raise Refused("host-unfit", "there is no whole release `%s` here" % label)
    root.note("switching", current, label, service=service)
    fault("activate", "middle")
    root.switch(label)
    root.note("activated", current, label, service=service)
    return True, None

def waiting_switch(root, label, current):
    """The switch to `label` that waits for its end; None where that has come already, and has left `label` current or not."""
    entry = root.unsettled()
    if entry is None and (root.linked("current") == label) != current:
        raise Refused("host-changed", "`%s` is %s" % (label, "not current, so it cannot be confirmed" if current else "confirmed; only a rollback goes back from it"))
    if entry is not None and entry["to"] != label:
        raise Refused("host-changed", "the switch that waits to be confirmed is one to `%s`" % entry["to"])
    return entry

def step_confirm(root, request):
    label = checked_label(request["release"])
    entry = waiting_switch(root, label, True)
    if entry is not None:
        root.note("confirmed", entry["from"], label)
        fault("confirm", "middle")
        root.keep_previous(entry["from"])
    return entry is not None, None

def step_undo(root, request):
    waiting_switch(root, checked_label(request["release"]), False)
    settled = root.settle("undone", request.get("detail") or "asked to")
    return settled is not None, settled

def step_restart(root, request):
    wanted = request["service"]["kind"] == "command"
    if wanted:
        run_service(root, checked_label(request["release"]), request["service"]["restart"])
    return wanted, None

def service_environment(root, release):
    return dict(os.environ, CAISSON_RELEASE=release, CAISSON_STATE=os.path.realpath(root.at("shared")))

def run_service(root, label, command):
    """The owner's command, in the release's real directory. What it prints goes to service.log: a pipe would keep us waiting for a daemon that it leaves behind."""
    release = os.path.realpath(root.at("versions", label))
    with tried(lambda path: open(path, "ab"), root.at("service.log")) or open(os.devnull, "ab") as output:
        tried(output.truncate, 0)  # a full disk, or one that cannot be written, must not keep a service from being started
        process = subprocess.Popen(["/bin/sh", "-c", command], cwd=release, env=service_environment(root, release), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        status = process.wait(SERVICE_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Refused("process-failed", "`%s` had not ended after %d s" % (command, SERVICE_LIMIT))
    if status != 0:
        raise Refused("process-failed", "`%s` ended with %d%s" % (command, status, shortened(tried(read_end, root.at("service.log"), b""), 5)))

# ---- health
def step_check(root, request):
    """Wait until the release answers well for `minHealthy` seconds, `deadline` seconds at most. Changes nothing and needs no lock."""
    release, health = os.path.realpath(root.at("versions", checked_label(request["release"]))), request["health"]
    subject = health.get("url") or "`%s`" % " ".join(health.get("argv") or [])
    began, well_since, problem = time.monotonic(), None, None
    while True:
        asked = time.monotonic()
        limit = min(10.0, max(1.0, request["deadline"] - (asked - began)))
        problem = probe_url(health["url"], limit) if health.get("url") else probe_program(root, release, request["package"], health["argv"], limit) if health.get("argv") else None
        now = time.monotonic()
        well_since = None if problem else asked if well_since is None else well_since
        if well_since is not None and now - well_since >= request["minHealthy"]:
            return False, listener_facts(health["url"], release) if health.get("url") else None
        if now - began >= request["deadline"]:
            break
        time.sleep(0.1 if now - began < 2 else 0.5)
    if problem in (None, "refused", "did not answer"):
        problem = "%s for %g s" % (problem or "had not answered well", request["deadline"] if problem else request["minHealthy"])
    said = shortened(tried(read_end, root.at("service.log"), b""), 1)
    raise Refused("unhealthy", "%s %s%s" % (subject, problem, said and "; last log" + said))

def probe_url(url, limit):
    """A GET that must answer 2xx or 3xx; proxies of the environment play no part, and redirects are not followed. Returns what is wrong."""
    from http import client
    from urllib.parse import urlsplit
    where = urlsplit(url)
    connection = (client.HTTPSConnection if where.scheme == "https" else client.HTTPConnection)(where.hostname, where.port, timeout=limit)
    try:
        connection.request("GET", (where.path or "/") + ("?" + where.query if where.query else ""), headers={"User-Agent": "caisson", "Connection": "close"})
        status = connection.getresponse().status
        return None if 200 <= status < 400 else "answered %d" % status
    except ConnectionRefusedError:
        return "refused"
    except (OSError, client.HTTPException) as error:
        return "did not answer" if "timed out" in str(error) else "failed: %s" % (str(error) or type(error).__name__)
    finally:
        connection.close()

def probe_program(root, release, package, argv, limit):
    """A command that must end with 0, its first word looked for in the package's own bin/ first. Returns what is wrong."""
    part = os.path.join(release, checked(package, PACKAGE, "package name"))
    own = os.path.join(part, "bin", argv[0])
    try:
        process = subprocess.Popen([own if os.path.isfile(own) else argv[0]] + argv[1:], cwd=part, env=service_environment(root, release), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = shortened(process.communicate(timeout=limit)[0], 3)
    except OSError as error:
        return "cannot be run: %s" % error.strerror
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "did not end within %g s" % limit
    return None if process.returncode == 0 else "ended with %d%s" % (process.returncode, said)

def listener_facts(url, release):
    """`verified`: whether a process that listens at the url runs from this release; None where that cannot be seen."""
    from urllib.parse import urlsplit
    where = urlsplit(url)
    port = "%04X" % (where.port or (443 if where.scheme == "https" else 80))
    rows = b"".join(tried(read_bytes, table, b"") for table in ("/proc/net/tcp", "/proc/net/tcp6")).decode("ascii").splitlines()
    sockets = {"socket:[%s]" % words[9] for words in (row.split() for row in rows) if words[1].endswith(":" + port) and words[3] == "0A"}
    owners = {path.split("/")[2] for path in glob.iglob("/proc/[0-9]*/fd/*") if read_link(path) in sockets}
    inside = re.compile(re.escape(os.fsencode(release)) + br"([/\0\n ]|\Z)")
    seen = [trace for trace in (traces_of(owner) for owner in owners) if trace]
    return {"verified": any(inside.search(trace) for trace in seen)} if seen else None

def traces_of(pid):
    """Every path that a process shows of itself, as bytes to search in; nothing for one that we may not look at."""
    folder = "/proc/%s/" % pid
    links = [os.fsencode(read_link(folder + name) or "") for name in ("exe", "cwd", "root")]
    texts = [tried(read_bytes, folder + name, b"") for name in ("maps", "cmdline")]
    environment = [pair for pair in tried(read_bytes, folder + "environ", b"").split(b"\0") if pair.startswith(b"CAISSON_RELEASE=")]
    return b"\n".join(links + texts + environment)

# ---- prune, verify, observe
def step_prune(root, request):
    """Remove releases beyond the `keep` newest, and then the trees that no release links. Never current, previous, unconfirmed, or in use."""
    used, room, removed, kept = names_in_use(root), request["keep"], [], []
    unsettled = root.unsettled() or {}
    held = {unsettled.get("from"): "unconfirmed", unsettled.get("to"): "unconfirmed", root.linked("previous"): "previous", root.linked("current"): "current"}
    for label, _ in reversed(root.manifests()):
        process = used.get("versions/" + label)
        reason = held.get(label) or (process and "in use by process %s" % process) or ("newest" if room > 0 else None)
        room -= reason == "newest"
        if reason is None:
            removed.append(label)
        else:
            kept.append({"label": label, "reason": reason})
    for label in removed:
        discard(root, "versions", label)
    fault("prune", "middle")
    linked = {digest_hex(tree) for _, manifest in root.manifests() for tree in manifest["trees"]}
    loose = [name for name in root.trees() if name not in linked and "trees/" + name not in used]
    for name in loose:
        discard(root, "trees", name)
        tried(os.unlink, root.at("trees", name + ".json"))
    if removed:
        root.note("pruned", None, None, detail=", ".join(removed))
    return bool(removed or loose), {"removed": removed, "kept": kept, "trees": len(loose)}

def names_in_use(root):
    """Releases (`versions/124`) and trees (`trees/<hex>`) that a process shows a path into, each with such a process."""
    tops = {re.escape(os.fsencode(top)) for top in (root.path, os.path.realpath(root.path))}
    inside = re.compile(b"(?:" + b"|".join(tops) + br")/((?:versions|trees)/[^/\0\n ]+)")
    return {os.fsdecode(name): pid for pid in os.listdir("/proc") if pid.isdigit() for name in inside.findall(traces_of(pid))}

def discard(root, directory, name):
    """Out of sight first, in one step; then away, which may take its time."""
    trash = root.at(directory, ".trash-%s-%s" % (name, random_word()))
    os.rename(root.at(directory, name), trash)
    sync_path(root.at(directory))
    remove_tree(trash)

def step_verify(root, _):
    """Read every file of every release again, and hold it against the documents of its trees."""
    root.check()
    problems, files, manifests = [], 0, root.manifests()
    for tree in sorted({digest_hex(tree) for _, manifest in manifests for tree in manifest["trees"]}):
        found, count = verify_tree(root, tree)
        problems += [("trees/%s%s" % (tree, path), problem) for path, problem in found]
        files += count
    for label in [label for label, _ in manifests]:
        problems += [("versions/%s/%s" % (label, path), "missing") for path in paths_below(root.at("versions", label), "") if not os.path.exists(root.at("versions", label, path))]
    return False, {"files": files, "problems": [{"path": portable(path), "problem": problem} for path, problem in sorted(problems)]}

def verify_tree(root, name):
    """What is wrong with which paths of a tree, and how many it has. Bytecode is nobody's content."""
    top = root.at("trees", name)
    try:
        wanted = {native(entry["path"]): entry for entry in read_tree(top + ".json", "sha256:" + name)}
    except (OSError, ValueError, KeyError, Refused):
        return [(".json", "bad")], 0
    there = set(paths_below(top, ""))
    problems = [("/" + path, "strange") for path in there - set(wanted) if "/__pycache__/" not in path]
    problems += [("/" + path, "bad" if os.path.lexists(os.path.join(top, path)) else "missing") for path in wanted if not is_intact(os.path.join(top, path), wanted[path])]
    return problems, len(wanted)

def is_intact(path, entry):
    if entry["kind"] == "link":
        return read_link(path) == native(entry["target"])
    if entry["kind"] == "directory":
        return os.path.isdir(path)
    return not os.path.islink(path) and tried(hash_of, path) == digest_hex(entry["digest"])

def paths_below(directory, prefix):
    """Every file and link below, relative; directories only by what lies in them."""
    for name in tried(os.listdir, os.path.join(directory, prefix), []):
        path = prefix + name
        if stat.S_ISDIR(os.lstat(os.path.join(directory, path)).st_mode):
            yield from paths_below(directory, path + "/")
        else:
            yield path

def step_observe(root, request):
    """What the root is like. Nobody else holding the lock, an unconfirmed switch of a dead run is settled first, and its leftovers are swept."""
    root.check()
    recovered = settle_for_observer(root, request.get("by"))
    current, unsettled, journal = root.linked("current"), root.unsettled() or {}, root.journal()
    confirmed = {entry["to"] for entry in journal if entry["event"] == "confirmed"}
    releases = []
    for label, manifest in root.manifests():
        away = "retired" if label in confirmed else "staged"
        state = away if label != current else "unconfirmed" if unsettled.get("to") == label else "active"
        releases.append({"label": label, "stack": manifest["stack"], "name": manifest["name"], "state": state})
    state = {
        "host": os.uname().nodename, "generation": root.stored_generation(), "current": current, "previous": root.linked("previous"),
        "releases": releases, "trees": ["sha256:" + name for name in root.trees()], "facts": host_facts(root.path),
    }
    state.update({"recovered": recovered} if recovered else {})
    if request.get("journal"):
        state["journal"] = [{key: entry[key] for key in entry if key != "service"} for entry in journal[-request["journal"]:]]
    return False, state

def settle_for_observer(root, by):
    """Returns what was settled; None where there was nothing to settle, or it is not for us to do."""
    if root.lock is not None or not os.path.exists(root.at(".lock")) or not tried(lambda _: root.take_lock(), None):
        return None
    root.by = by
    try:
        return root.recover()
    finally:
        root.release_lock()

# ---- the conversation
STEPS = {
    "stage": step_stage, "activate": step_activate, "restart": step_restart, "check": step_check, "confirm": step_confirm,
    "undo": step_undo, "prune": step_prune, "verify": step_verify, "observe": step_observe,
}
READING = ("observe", "check", "verify")  # these change nothing and need no lock

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
        while self.ended is None:
            self.pump()
            self.wait()
        self.finish()

    def wait(self):
        """Until something has come or it is time for a heartbeat, and deal with that."""
        readable, writable, _ = select.select([0, self.signals] + list(self.workers), [1] if self.output else [], [], 1.0 if self.made else BEAT)
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
            self.ended = "controller silent for %g s" % self.silence
        if now - self.beaten >= BEAT:
            self.beaten = now
            self.send({"beat": int(now)})

    # Words
    def read(self):
        data = os.read(0, CHUNK)
        self.heard = time.monotonic()
        if not data:
            self.ended = "controller lost"
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
        try:
            if step not in STEPS and step not in ("receive", "tree"):
                raise Refused("usage", "this agent knows no step `%s`" % step)
            if step not in READING and self.root.generation is None:
                self.root.begin(request["generation"], request.get("by"))
            if step not in READING and self.root.generation != request["generation"]:
                raise Refused("host-changed", "this run has the number %d and not %d" % (self.root.generation, request["generation"]))
        except Exception as error:
            refused = explained(error)
        if step == "receive" or request.get("size"):
            self.blob = Incoming(self.root, request, refused)
        elif refused is not None:
            self.answer(request, {"ok": False, "code": refused.code, "detail": refused.detail})
        else:
            self.queue.append(request)

    def take_bytes(self, view):
        """Bytes of the blob that is coming in; returns those behind it."""
        rest = self.blob.take(view)
        if self.blob.missing == 0:
            blob, self.blob = self.blob, None
            self.answer(blob.request, answer_of(blob.finish))
        return rest

    def answer(self, request, outcome):
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
            elif self.made and (self.queue or self.blob is None or time.monotonic() - self.made_since >= 2):
                # One wait for the disk for all of them, and not while more are on their way.
                batch, self.made, self.alone = self.made, [], True
                self.start(publish, batch)
            elif self.queue:
                request, self.alone = self.queue.pop(0), True
                self.silence = request.get("undoAfter", self.silence)
                self.start(perform, request)
            else:
                return

    def start(self, work, subject):
        worker = Worker(lambda: work(self.root, subject), subject)
        self.workers[worker.output] = worker

    def start_tree(self, request):
        if os.path.isdir(self.root.at("trees", request["id"][len("sha256:"):])):
            self.answer(request, {"ok": True, "changed": False, "facts": None})
            return
        minor = request.get("python")
        if minor not in self.interpreters:
            self.interpreters[minor] = describe_interpreter() if minor is None else find_interpreter(minor)
        # Whether a release can run here is asked when it is staged; a missing interpreter only means no bytecode.
        found = self.interpreters[minor] if self.bytecode and request.get("bytecode", True) else None
        self.start(lambda root, request: new_tree(root, request, found and found["path"]), request)

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
        elif request["step"] == "tree" and outcome["ok"]:
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

class Incoming:
    """A blob on its way in. Whatever is wrong with it, its bytes are read to the end, for the next request stands behind them."""

    def __init__(self, root, request, refused):
        self.request = request
        self.refused = refused
        self.missing = request.get("size", 0)
        self.hasher = hashlib.sha256()
        self.root = root
        self.file = None

    def take(self, view):
        """Returns the bytes behind the blob."""
        mine, rest = view[:self.missing], view[self.missing:]
        self.missing -= len(mine)
        try:
            if self.refused is None and self.file is None:
                fault("receive", "before")
                os.makedirs(self.root.at(".incoming"), 0o700, exist_ok=True)
                self.file = os.open(self.root.at(".incoming", ".part"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            if self.refused is None:
                self.hasher.update(mine)
                write_all(self.file, mine)
        except Exception as error:
            self.refused = explained(error)
        return rest

    def finish(self):
        if self.file is not None:
            os.close(self.file)
        if self.refused is not None:
            raise self.refused
        fault("receive", "middle")
        wanted, digest, size = self.request["blob"], "sha256:" + self.hasher.hexdigest(), self.request["size"]
        if digest != wanted["digest"] or size != wanted["size"]:
            raise Refused("digest-mismatch", "the blob `%s` of %d bytes arrived with %d bytes and the digest `%s`" % (wanted["digest"], wanted["size"], size, digest))
        os.rename(self.root.at(".incoming", ".part"), self.root.at(".incoming", digest_hex(digest)))
        fault("receive", "after")
        return True, None

def perform(root, request):
    """One step that is neither a blob nor a tree."""
    fault(request["step"], "before")
    outcome = STEPS[request["step"]](root, request)
    fault(request["step"], "after")
    return outcome

def new_tree(root, request, python):
    """Make a tree under a name that nobody sees. Returns that name."""
    fault("tree", "before")
    document = root.blobs().path(request["document"]["digest"])
    new = root.at("trees", ".new-%s-%s" % (digest_hex(request["id"]), random_word()))
    try:
        make_tree(read_tree(document, request["id"]), root.blobs(), new, python)
        seal(new)
        write_new(new + ".json", pieces_of(document), 0o444)
    except Exception:
        tried(remove_tree, new)
        raise
    return True, os.path.basename(new)

def publish(root, batch):
    """Give trees that are made their names, after one wait for the disk. Returns an answer for each."""
    sync_filesystem(root.at("trees"))
    answers = []
    for request, name in batch:
        new, final = root.at("trees", name), root.at("trees", digest_hex(request["id"]))
        there = os.path.isdir(final)  # asked for twice
        for suffix in (".json", ""):
            if there:
                remove_tree(new + suffix)
            else:
                os.rename(new + suffix, final + suffix)
        answers.append({"ok": True, "changed": not there, "facts": None})
    sync_path(root.at("trees"))
    fault("tree", "after")
    return True, answers

# ---- a bundle put at one place by hand
def install(words):
    """`install BUNDLE DST [--python NAME] [--no-bytecode]`: returns the exit status. What fails leaves nothing."""
    bundle, target = os.path.abspath(words[0]), os.path.abspath(words[1])
    name = words[words.index("--python") + 1] if "--python" in words else "python3"
    new = os.path.join(os.path.dirname(target), ".new-%s-%s" % (os.path.basename(target), random_word()))
    line = None
    try:
        for line in install_bundle(os.path.join(bundle, "data"), target, new, name, "--no-bytecode" not in words):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        return 0
    except (Exception, KeyboardInterrupt) as error:
        if os.path.lexists(new):
            remove_tree(new)
        detail = "stopped" if isinstance(error, KeyboardInterrupt) else explained(error).detail
        sys.stderr.write("Error: %s%s\n" % (line + " failed: " if line else "", detail))
        return 1

def install_bundle(data, target, new, name, bytecode):
    """The bundle's part, made beside `target` and renamed; its trees lie in it, so that it can be moved and removed as a whole. Yields what it does next."""
    payload = read_json(data + "/payload.json")
    wheels = {digest_hex(wheel["wheel"]["digest"]): "wheels/" + checked(wheel["fileName"], r"[^/]+\Z", "file name") for wheel in payload["distributions"]}
    blobs = Blobs(lambda hex_digits: "%s/%s" % (data, native(wheels.get(hex_digits, "blobs/" + hex_digits))))
    part = Part(payload, new, os.path.join(new, ".trees"), ".trees")
    own = describe_interpreter()
    if os.path.lexists(target) and (not os.path.isdir(target) or os.listdir(target)):
        raise Refused("host-unfit", "`%s` is there already and not an empty directory" % target)
    if (payload.get("interpreter") or {}).get("from") == "tree":
        raise Refused("interpreter-unfit", "this bundle brings its own interpreter and can only be deployed")
    interpreter = choose_interpreter(part, lambda _: (own, "`%s`" % name), "this bundle")
    yield "Setting up virtualenv"
    os.makedirs(part.trees)
    yield "Installing %s-%s" % (payload["written"], payload["version"])
    python = own["path"] if bytecode and interpreter is not None and minor_of(interpreter[2]) == minor_of(own["version"]) else None
    def make(tree):
        make_tree(read_tree("%s/trees/%s.json" % (data, digest_hex(tree)), tree), blobs, part.tree_path(tree), python)
        return True, None
    side_by_side([lambda tree=tree["id"]: make(tree) for tree in sorted(payload["trees"], key=lambda tree: tree["document"]["size"])])
    part.make(interpreter)
    yield "Verifying install"
    if interpreter is not None:
        verify_install(part)
    sync_filesystem(new)
    os.rename(new, target)
    sync_path(os.path.dirname(target))
    yield "Done."

def side_by_side(jobs):
    """Do all jobs, the last ones first, as many at once as there are cores. The first that fails ends it."""
    workers = {}
    try:
        while jobs or workers:
            while jobs and len(workers) < CORES:
                worker = Worker(jobs.pop(), None)
                workers[worker.output] = worker
            for descriptor in select.select(list(workers), [], [])[0]:
                outcome = workers[descriptor].outcome()
                if outcome is not None:
                    del workers[descriptor]
                if outcome is not None and not outcome["ok"]:
                    raise Refused(outcome["code"], outcome["detail"])
    finally:
        for worker in workers.values():
            worker.kill()

def verify_install(part):
    """The environment's own Python must start, be that environment, and find every distribution. What they need of each other was checked when the bundle was built."""
    answer = ask_program([os.path.join(part.directory, "bin", "python")], "describe_environment")
    if answer is None or not os.path.samefile(answer["prefix"], part.directory):
        raise Refused("interpreter-unfit", "`bin/python` does not start as an environment of its own")
    missing = sorted({wanted["name"] for wanted in part.payload["distributions"]} - set(answer["distributions"]))
    if missing:
        raise Refused("requirements-broken", "the environment does not find %s" % ", ".join("`%s`" % name for name in missing))

def describe_environment():
    """Where the running environment is, and the names of the distributions that it finds."""
    import os
    import re
    import sys
    names = [re.split("-", name)[0] for place in sys.path if os.path.isdir(place) for name in os.listdir(place) if os.path.isfile(os.path.join(place, name, "METADATA"))]
    return {"prefix": sys.prefix, "distributions": [re.sub("[-_.]+", "-", name).lower() for name in names]}

# ---- the two ways to be started
def main(words):
    os.umask(0o022)
    if words[:1] == ["install"]:
        return install(words[1:])
    Session(Root(os.path.normpath(os.path.join("/", words[0]))), "--no-bytecode" not in words).run(words[words.index("--marker") + 1])
    return 0

if __name__ == "__main__":
    if sys.version_info < (3, 6):  # novm
        sys.stderr.write("agent: needs Python 3.6 or newer, and this is %d.%d\n" % sys.version_info[:2])
        sys.exit(3)
    sys.exit(main(sys.argv[1:]))
