"""Caisson's program on a host: keeps trees, makes releases of links into them, switches from one to another.

`agent.py ROOT --marker HEX` answers requests on its input until that ends; PROTOCOL.md describes them.

One file, standard library, no syntax newer than Python 3.4; CPython 3.6 and newer run it. No threads: one
process talks to the controller, forked workers do what takes long. The rules of the wheel are none of its
business: a tree's document says which bytes lie where, and the agent writes and checks them.
"""
# ruff: noqa: UP031, UP036, BLE001 -- older Pythons have no f-strings; 3.5 must be told; a worker has to report whatever happened
import binascii
import errno
import fcntl
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

AREAS = ("site", "bin", "data", "include", "root")
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!~-]{0,127}\Z")
PACKAGE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


class Refused(Exception):
    """What a request ends with when it cannot be done: a code to decide by, and a sentence to read."""

    def __init__(self, code, detail):
        Exception.__init__(self, detail)
        self.code = code
        self.detail = detail


def explained(error):
    """Any exception as a Refused; what nobody foresaw goes to the log whole."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, OSError):
        words = "%s: `%s`" % (error.strerror, error.filename) if error.filename else str(error.strerror or error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Refused("disk-full", words)
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return Refused("permission", words)
        return Refused("process-failed", words)
    sys.excepthook(type(error), error, error.__traceback__)
    return Refused("process-failed", "the agent failed: %s: %s" % (type(error).__name__, error))


def fault(step, moment):
    """For tests: CAISSON_FAULT=STEP:MOMENT[:pause] kills the agent there, or stops it there for ever."""
    wanted = os.environ.get("CAISSON_FAULT", "").split(":")
    if wanted[:2] != [step, moment]:
        return
    if wanted[2:] == ["pause"]:
        log("paused at %s:%s" % (step, moment))
        while True:
            signal.pause()
    for process in (Worker.parent, os.getpid()):
        if process is not None:
            os.kill(process, signal.SIGKILL)


def log(text):
    """A line on stderr, which is for people who look for a reason and for nobody else."""
    sys.stderr.write("agent: %s\n" % text)
    sys.stderr.flush()


# ---- values


def canonical_json(value):
    """The one byte sequence of a value, equal to that of model/canonical-json.ts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_hex(digest):
    """The hex digits of a digest, which become a file name."""
    if not isinstance(digest, str) or not DIGEST.match(digest):
        raise Refused("bundle-invalid", "`%s` is not a digest" % (digest,))
    return digest[len("sha256:"):]


def checked_label(label):
    if not isinstance(label, str) or not LABEL.match(label):
        raise Refused("name-invalid", "`%s` is not a legal release name" % (label,))
    return label


def checked_package(name):
    if not isinstance(name, str) or not PACKAGE.match(name):
        raise Refused("name-invalid", "`%s` is not a package name in normal form" % (name,))
    return name


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
    return binascii.hexlify(os.urandom(6)).decode("ascii")


def normalized(name):
    """A distribution's name in PEP 503 normal form."""
    return re.sub("[-_.]+", "-", name).lower()


def version_numbers(text):
    """`2.36` as (2, 36), so that 2.9 comes before 2.17."""
    return tuple(int(number) for number in re.findall(r"\d+", text))


# ---- files


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def read_json(path):
    return json.loads(read_bytes(path).decode("utf-8"))


def write_all(descriptor, data):
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view):]


def write_new(path, data, mode=0o644):
    """A file that was not there; it may be made read-only and still be written this once."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


def make_directories(path, mode=0o755):
    """The directory and those above it, where they are missing."""
    if not os.path.isdir(path):
        os.makedirs(path, mode, exist_ok=True)


def sync_path(path):
    """Make a file's bytes, or a directory's names, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def libc():
    import ctypes
    return ctypes.CDLL(None, use_errno=True)


def sync_filesystem(path):
    """Everything written below `path`, in one go: an fsync for each file of a release takes a hundred times as long."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        library = libc()
        if not hasattr(library, "syncfs") or library.syncfs(descriptor) != 0:
            os.sync()
    finally:
        os.close(descriptor)


def reserve(descriptor, offset, length):
    """Blocks for what will be appended, without a change of the file's size. Where the file system cannot, so be it."""
    import ctypes
    library = libc()
    keep_size = 1
    if hasattr(library, "fallocate64"):
        library.fallocate64(descriptor, keep_size, ctypes.c_int64(offset), ctypes.c_int64(length))


def exchange(one, other):
    """Two names change places in one atomic step, which needs no free inode. False where the kernel cannot."""
    import ctypes
    number = {"x86_64": 316, "aarch64": 276}.get(os.uname().machine)
    if number is None:
        return False
    here, swap = -100, 2
    return libc().syscall(ctypes.c_long(number), here, os.fsencode(one), here, os.fsencode(other), ctypes.c_uint(swap)) == 0


def remove_tree(path):
    """A directory with everything in it, also where its directories are read-only; links are not followed."""
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
        return
    os.chmod(path, 0o700)
    for name in os.listdir(path):
        below = os.path.join(path, name)
        try:
            os.unlink(below)
        except OSError as error:
            if error.errno not in (errno.EISDIR, errno.EPERM):
                raise
            remove_tree(below)
    os.rmdir(path)


def read_link(path):
    """Where a link points to, or None where there is no link."""
    try:
        return os.readlink(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINVAL, errno.ENOTDIR):
            return None
        raise


def last_lines(path, count=5):
    """The end of a log as one line."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return " | ".join([line.strip() for line in lines if line.strip()][-count:])


# ---- workers


class Worker:
    """A forked process that does one piece of work and tells its outcome through a pipe."""

    parent = None  # in a worker: the process that forked it

    def __init__(self, work, subject=None):
        self.subject = subject
        self.output, writing = os.pipe()
        self.heard = bytearray()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            Worker.parent = parent
            self._work(work, writing)
        os.close(writing)
        set_group(self.pid)

    def _work(self, work, writing):
        """In the new process: do it, say how it went, end."""
        try:
            set_group(0)
            die_with_parent()
            detach_from_channel()
            outcome = answer_of(work)
            write_all(writing, json.dumps(outcome).encode("ascii"))
        finally:
            os._exit(0)

    def listen(self):
        """Read what has come. True at the end."""
        data = os.read(self.output, CHUNK)
        self.heard += data
        return not data

    def outcome(self):
        """What the work came to; only after `listen` said that this is the end."""
        os.close(self.output)
        status = os.waitpid(self.pid, 0)[1]
        try:
            return json.loads(self.heard.decode("ascii"))
        except ValueError:
            how = "signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "nothing said"
            return {"ok": False, "code": "process-failed", "detail": "a worker of the agent ended with %s" % how}

    def kill(self):
        """End it and everything it started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.output)


def answer_of(work):
    """Run `work`, which returns (changed, facts), and put what comes of it into an answer's words."""
    try:
        changed, facts = work()
        return {"ok": True, "changed": changed, "facts": facts}
    except Exception as error:  # whatever it was, the controller must hear of it
        refused = explained(error)
        return {"ok": False, "code": refused.code, "detail": refused.detail}


def set_group(pid):
    """A process group of its own for a worker; said by both sides, since either may come first."""
    try:
        os.setpgid(pid, pid)
    except OSError:
        pass


def die_with_parent():
    """A worker must not outlive the agent: it would hold the host's lock."""
    set_parent_death_signal = 1
    libc().prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
    if Worker.parent is not None and os.getppid() != Worker.parent:
        os._exit(1)


def detach_from_channel():
    """The channel belongs to the agent alone, and its signals mean nothing to a worker."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def core_count():
    return max(1, len(os.sched_getaffinity(0)))


# ---- wheels, as far as a tree's document names members of them


class Wheel:
    """The members of one zip file, by name. Controllers have checked the file; every member's hash is checked anyway."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.view = memoryview(self.bytes)
        self.members = dict(self._directory())

    def chunks(self, name):
        """The member's bytes, unpacked, in pieces."""
        if name not in self.members:
            raise Refused("blob-missing", "a wheel has no member `%s`" % name)
        method, size, offset = self.members[name]
        name_length, extra_length = struct.unpack_from("<2H", self.bytes, offset + 26)
        start = offset + 30 + name_length + extra_length
        packed = (self.view[at:min(at + CHUNK, start + size)] for at in range(start, start + size, CHUNK))
        return packed if method == 0 else inflated(packed)

    def _directory(self):
        """Each member of the central directory: name, (method, packed size, offset of its header)."""
        count, at = self._directory_place()
        for _ in range(count):
            (method, packed, size, name_length, extra_length, comment_length, offset) = struct.unpack_from("<10xH8xII3H8xI", self.bytes, at)
            name_end = at + 46 + name_length
            if 0xFFFFFFFF in (packed, size, offset):
                packed, offset = self._wide(name_end, extra_length, size, packed, offset)
            yield self.bytes[at + 46:name_end].decode("utf-8", "replace"), (method, packed, offset)
            at = name_end + extra_length + comment_length

    def _directory_place(self):
        """How many members there are, and where the list of them begins."""
        end = self.bytes.rfind(b"PK\5\6", max(0, len(self.bytes) - 65557))
        if end < 0:
            raise Refused("wheel-invalid", "a wheel is not a zip file")
        count, offset = struct.unpack_from("<10xH4xI", self.bytes, end)
        if end >= 20 and self.bytes[end - 20:end - 16] == b"PK\6\7":
            wide = struct.unpack_from("<8xQ", self.bytes, end - 20)[0]
            count, offset = struct.unpack_from("<32xQ8xQ", self.bytes, wide)
        return count, offset

    def _wide(self, at, length, size, packed, offset):
        """Packed size and offset from the zip64 extra field, which holds only what did not fit, in this order."""
        end = at + length
        while at + 4 <= end:
            kind, room = struct.unpack_from("<2H", self.bytes, at)
            at += 4
            if kind == 1:
                values = list(struct.unpack_from("<%dQ" % (room // 8), self.bytes, at))
                _, packed, offset = [values.pop(0) if value == 0xFFFFFFFF else value for value in (size, packed, offset)]
            at += room
        return packed, offset


def inflated(pieces):
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
    for piece in pieces:
        yield decompressor.decompress(piece)
    yield decompressor.flush()


# ---- trees


class Blobs:
    """Received bytes by digest; `place` says which file holds those of some hex digits."""

    def __init__(self, place):
        self.place = place
        self.wheels = {}

    def path(self, digest):
        path = self.place(digest_hex(digest))
        if not os.path.isfile(path):
            raise Refused("blob-missing", "the blob `%s` has not been received" % digest)
        return path

    def chunks(self, source):
        """The bytes that a file of a tree comes from."""
        if source["from"] == "inline":
            return [source["text"].encode("utf-8")]
        if source["from"] == "blob":
            return pieces_of(self.path(source["blob"]))
        wheel = self.wheels.get(source["blob"])
        if wheel is None:
            wheel = self.wheels[source["blob"]] = Wheel(self.path(source["blob"]))
        return wheel.chunks(source["member"])


def pieces_of(path):
    with open(path, "rb") as file:
        while True:
            piece = file.read(CHUNK)
            if not piece:
                return
            yield piece


def read_tree(document, tree):
    """The entries of a tree's document, which must be those that its id is the hash of."""
    value = read_json(document)
    if value.get("schema") != "caisson.tree/1":
        raise Refused("bundle-invalid", "a tree's document has the schema `%s`" % value.get("schema"))
    identity = [{key: entry[key] for key in entry if key != "source"} for entry in value["entries"]]
    if sha256(canonical_json(identity)) != tree:
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
    for entry in entries:
        if entry["kind"] == "file":
            parent, name = os.path.split(native(entry["path"]))
            write_checked("%s/%s" % (directory_for(parent, directories), name), entry, blobs.chunks(entry["source"]))
    # Last, so that nothing is ever written through one.
    for entry in entries:
        if entry["kind"] == "link":
            make_tree_link(entry, directories)
    fault("tree", "middle")
    if python is not None:
        compile_tree(entries, directory, python)


def directory_for(path, directories):
    """The directory of a tree's own at `path`, made with those above it where it is new."""
    found = directories.get(path)
    if found is None:
        parent, name = os.path.split(path)
        found = directories[path] = "%s/%s" % (directory_for(parent, directories), name)
        os.mkdir(found)
    return found


def write_checked(path, entry, chunks):
    """One file, read-only from the start, whose bytes must be those that the document promises."""
    hasher = hashlib.sha256()
    size = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o555 if entry["mode"] & 0o100 else 0o444)
    try:
        for chunk in chunks:
            hasher.update(chunk)
            size += len(chunk)
            write_all(descriptor, chunk)
    finally:
        os.close(descriptor)
    if size != entry["size"] or hasher.hexdigest() != digest_hex(entry["digest"]):
        raise Refused("digest-mismatch", "`%s` is not what its tree's document says" % entry["path"])


def make_tree_link(entry, directories):
    parent, name = os.path.split(native(entry["path"]))
    target = entry["target"]
    inside = os.path.normpath(os.path.join(os.path.dirname(entry["path"]), target))
    if target.startswith("/") or inside.split("/", 1)[0] not in AREAS:
        raise Refused("bundle-invalid", "the link `%s` leaves its tree" % entry["path"])
    os.symlink(native(target), "%s/%s" % (directory_for(parent, directories), name))


def seal(directory, mode):
    """Give the directories of a tree their final mode, from the inside out."""
    for name in os.listdir(directory):
        below = "%s/%s" % (directory, name)
        if stat.S_ISDIR(os.lstat(below).st_mode):
            seal(below, mode)
    os.chmod(directory, mode)


def compile_tree(entries, directory, python):
    """Bytecode for the tree's modules, made by `python` in a process of its own: what it makes must not depend on what it made before."""
    modules = [entry["path"].encode("utf-8") for entry in entries if entry["kind"] == "file" and entry["path"].startswith("site/") and entry["path"].endswith(".py")]
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
        folder += b"/__pycache__"
        try:
            os.mkdir(folder)
        except FileExistsError:
            pass
        target = os.open(folder + b"/" + name[:-3] + suffix, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o444)
        with open(target, "wb") as file:
            file.write(util.MAGIC_NUMBER + check + marshal.dumps(code))


def own_source(name):
    """The text of one of our functions, for another interpreter to run. PROGRAM is set where we came over a channel and are no file."""
    text = globals().get("PROGRAM") or read_bytes(__file__).decode("utf-8")
    start = text.index("\ndef %s(" % name) + 1
    return text[start:text.index("\n\n\n", start)] + "\n"


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


def ask_interpreter(words):
    """What the interpreter that `words` starts says of itself; None where it is none, or a manager's script with nothing behind it."""
    program = "import json\n" + own_source("describe_interpreter") + "print(json.dumps(describe_interpreter()))"
    try:
        process = subprocess.Popen(words + ["-I", "-c", program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return json.loads(process.communicate(timeout=20)[0].decode("utf-8"))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def minor_of(version):
    return ".".join(version.split(".")[:2])


def find_interpreter(minor):
    """The CPython of this minor on this host: our own, or what `pythonX.Y` on PATH turns out to be. None where there is none."""
    own = describe_interpreter()
    if minor_of(own["version"]) == minor:
        return own
    found = ask_interpreter(["python" + minor]) if re.match(r"3\.\d+\Z", minor) else None
    return found if found is not None and minor_of(found["version"]) == minor else None


def checked_interpreter(payload, found, name):
    """The interpreter that was found, when the payload can run on it."""
    wanted = payload["interpreter"]
    needed = "this needs CPython %s" % wanted["version"]
    if found is None:
        raise Refused("interpreter-unfit", "%s, and there is no %s here" % (needed, name))
    if found["implementation"] != "cpython" or minor_of(found["version"]) != wanted["version"]:
        raise Refused("interpreter-unfit", "%s, and %s is %s %s" % (needed, name, found["implementation"], found["version"]))
    if wanted.get("soabi") not in (None, found["soabi"]):
        raise Refused("interpreter-unfit", "%s with the ABI %s, and that of %s is %s" % (needed, wanted["soabi"], name, found["soabi"]))
    return found


def checked_machine(platform):
    """Refuse a platform whose programs cannot run here."""
    here = os.uname().machine
    if platform["arch"] != here:
        raise Refused("host-unfit", "this is for %s, and the machine is %s" % (platform["arch"], here))
    wanted, found = platform["libc"], libc_facts()
    if wanted["family"] != found["family"]:
        raise Refused("host-unfit", "this is for %s, and the machine has %s" % (wanted["family"], found["family"]))
    if found["version"] and version_numbers(found["version"]) < version_numbers(wanted["version"]):
        raise Refused("host-unfit", "this is for %s (%s %s), and the machine has %s %s" % (platform["label"], wanted["family"], wanted["version"], found["family"], found["version"]))


def libc_facts():
    try:
        words = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (ValueError, OSError):
        words = []
    if len(words) == 2:
        return {"family": "glibc", "version": words[1]}
    for name in sorted(os.listdir("/lib")):
        if name.startswith("ld-musl-"):
            said = subprocess.Popen(["/lib/" + name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).communicate()[1]
            version = re.search(r"Version (\S+)", said.decode("utf-8", "replace"))
            return {"family": "musl", "version": version.group(1) if version else ""}
    return {"family": "musl", "version": ""}


def os_facts():
    """ID and VERSION_ID of os-release."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        if os.path.isfile(path):
            pairs = dict(re.findall(r"^(ID|VERSION_ID)=[\"']?(.*?)[\"']?$", read_bytes(path).decode("utf-8", "replace"), re.MULTILINE))
            return {"id": pairs.get("ID", "linux"), "release": pairs.get("VERSION_ID", "")}
    return {"id": "linux", "release": ""}


def python_facts():
    """CPython minors on PATH with the path of each: our own, and programs named for their minor. Scripts of version managers take a tenth of a second each and are asked when one is needed."""
    own = describe_interpreter()
    found = {minor_of(own["version"]): own["path"]}
    for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
        for minor in range(6, 30):
            path = os.path.realpath(os.path.join(directory, "python3.%d" % minor))
            if "3.%d" % minor not in found and os.access(path, os.X_OK) and is_program(path):
                found["3.%d" % minor] = path
    return found


def is_program(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


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
        """Everything of the part; `interpreter` is (its path or link, its home, its version), None where there is none."""
        for tree in self.payload["trees"]:
            if not os.path.isdir(self.tree_path(tree["id"])):
                raise Refused("blob-missing", "the tree `%s` is not here" % tree["id"])
        os.mkdir(self.directory)
        for link in self.payload["links"]:
            self.place(link, interpreter)
        if interpreter is not None:
            self.place_interpreter(interpreter)
        self.touch_site_packages()

    def tree_path(self, tree, path=None):
        top = os.path.join(self.trees, digest_hex(tree))
        return top if path is None else os.path.join(top, checked_path(path))

    def place(self, link, interpreter):
        path = os.path.join(self.directory, checked_path(link["path"]))
        if link["how"] == "directory":
            os.mkdir(path)
        elif link["how"] == "render":
            write_new(path, pyvenv_text(interpreter).encode("utf-8"))
        elif not os.path.lexists(self.tree_path(link["tree"], link["to"])):
            raise Refused("blob-missing", "the tree `%s` has no `%s`" % (link["tree"], link["to"]))
        elif link["how"] == "symlink":
            os.symlink(self.from_depth(link["path"].count("/"), link["tree"], link["to"]), path)
        elif link["how"] == "hardlink":
            link_or_copy(self.tree_path(link["tree"], link["to"]), path)
        else:
            raise Refused("bundle-invalid", "`%s` is no way to link" % link["how"])

    def from_depth(self, depth, tree, path):
        """A relative link from `depth` directories below the part's top."""
        return "%s%s/%s/%s" % ("../" * depth, self.up, digest_hex(tree), checked_path(path))

    def place_interpreter(self, interpreter):
        """bin/python, bin/python3 and bin/python3.X: the first a link to the interpreter, the others links to the first."""
        make_directories(os.path.join(self.directory, "bin"))
        os.symlink(interpreter[0], os.path.join(self.directory, "bin", "python"))
        for name in ("python3", "python" + minor_of(interpreter[2])):
            os.symlink("python", os.path.join(self.directory, "bin", name))

    def touch_site_packages(self):
        """W25: import caches go by a directory's time, and links made within one tick of the clock would escape them."""
        site = os.path.join(self.directory, "lib", "python" + self.payload["platform"]["python"]["version"], "site-packages")
        if os.path.isdir(site):
            os.utime(site)


def pyvenv_text(interpreter):
    if interpreter is None:
        raise Refused("bundle-invalid", "a pyvenv.cfg without an interpreter")
    return "home = %s\ninclude-system-site-packages = false\nversion = %s\n" % (portable(interpreter[1]), interpreter[2])


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
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IMODE(kind))
            with open(descriptor, "wb") as file:
                file.writelines(pieces_of(source))


def choose_interpreter(part, find):
    """What the part's bin/python will be, and pyvenv.cfg's home and version. `find` returns (interpreter, its name in messages) for a minor."""
    wanted = part.payload.get("interpreter")
    if wanted is None:
        return None
    if wanted["from"] == "tree":
        place = os.path.realpath(part.tree_path(wanted["tree"], wanted["executable"]))
        if not os.access(place, os.X_OK):
            raise Refused("interpreter-unfit", "the interpreter's tree has no program `%s`" % wanted["executable"])
        version = part.payload["platform"]["python"]
        return part.from_depth(1, wanted["tree"], wanted["executable"]), os.path.dirname(place), version.get("full", version["version"])
    found, name = find(wanted["version"])
    checked_interpreter(part.payload, found, name)
    return found["path"], os.path.dirname(found["path"]), found["version"]


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

    def incoming(self, name):
        return self.at(".incoming", name)

    def received(self, descriptor):
        """A received JSON document."""
        path = self.incoming(digest_hex(descriptor["digest"]))
        if not os.path.isfile(path):
            raise Refused("blob-missing", "the document `%s` has not been received" % descriptor["digest"])
        return read_json(path)

    # What stands there

    def check(self):
        """Refuse a root that something else has made, and say what to do about it. Nothing foreign is ever removed."""
        if os.path.lexists(self.path) and not os.path.isdir(self.path):
            raise Refused("host-unfit", "`%s` is not a directory; choose another root, or move that away" % self.path)
        for name in ("versions", "trees", "shared"):
            if os.path.lexists(self.at(name)) and not os.path.isdir(self.at(name)):
                raise Refused("host-unfit", "`%s` is not a directory; move it away" % self.at(name))
        current = self.at("versions", "current")
        if not os.path.lexists(current):
            return
        target = read_link(current)
        if target is None:
            raise Refused("host-unfit", "`%s` is not a link; move it away, the next deploy makes it anew" % current)
        if not LABEL.match(target):
            raise Refused("host-unfit", "`%s` leads to `%s`, not to a release beside it; remove that link" % (current, target))
        if not os.path.isdir(current):
            raise Refused("host-unfit", "`%s` leads to `%s`, which is not there; remove that link" % (current, target))

    def linked(self, name):
        """The release that `current` or `previous` leads to."""
        target = read_link(self.at("versions", name))
        return target if target is not None and os.path.isdir(self.at("versions", target)) else None

    def manifests(self):
        """Every whole release's manifest by label."""
        found = {}
        for label in self.names("versions"):
            manifest = self.manifest(label) if LABEL.match(label) else None
            if manifest is not None and not os.path.islink(self.at("versions", label)):
                found[label] = manifest
        return found

    def manifest(self, label):
        try:
            return read_json(self.at("versions", label, "manifest.json"))
        except (OSError, ValueError):
            return None

    def trees(self):
        """The hex digits of every tree's id."""
        return sorted(name for name in self.names("trees") if re.match(r"[0-9a-f]{64}\Z", name))

    def names(self, directory):
        try:
            return sorted(os.listdir(self.at(directory)))
        except OSError as error:
            if error.errno == errno.ENOENT:
                return []
            raise

    def stored_generation(self):
        try:
            return int(read_bytes(self.at(".generation")))
        except (OSError, ValueError):
            return 0

    # The journal

    def journal(self):
        """Every whole line, oldest first. A torn last one is what a crash leaves; it was never promised to anybody."""
        try:
            lines = read_bytes(self.at("journal.jsonl")).split(b"\n")
        except OSError:
            return []
        entries = []
        for line in lines:
            try:
                entries.append(json.loads(line.decode("utf-8")))
            except ValueError:
                continue
        return [entry for entry in entries if isinstance(entry, dict) and "event" in entry]

    def note(self, event, from_label, to_label, **more):
        """One line, one write, durable."""
        entry = dict(more, generation=self.generation, time=int(time.time()), event=event, by=self.by)
        entry.update({"from": from_label, "to": to_label})
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
        for entry in reversed(self.journal()):
            if entry["event"] in ("switching", "activated"):
                return entry
            if entry["event"] in ("confirmed", "undone", "recovered"):
                return None
        return None

    # The lock, and the number of a run

    def take_lock(self):
        """The host's lock, for as long as this process lives. False where another holds it."""
        self.lock = os.open(self.at(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            self.release_lock()
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise

    def release_lock(self):
        os.close(self.lock)
        self.lock = None

    def holder(self):
        """Who holds the lock and since when, as they wrote it down."""
        try:
            written = json.loads(read_bytes(self.at(".lock")).decode("utf-8"))
            return "`%s` has been changing this host since %s (process %d)" % (written["by"], time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(written["since"])), written["process"])
        except (OSError, ValueError, KeyError):
            return "another run is changing this host"

    def begin(self, generation, by):
        """Take the host for a run that saw it at `generation` - 1; settle what an earlier run left. Nothing else has been done before."""
        self.check()
        for directory in ("", "trees", "versions", "shared", ".incoming"):
            make_directories(self.at(directory))
        if not self.take_lock():
            raise Refused("host-busy", self.holder())
        try:
            self.by = by
            self.recover()
            stored = self.stored_generation()
            if stored != generation - 1:
                raise Refused("host-changed", "this host has been changed since it was looked at (generation %d, expected %d)" % (stored, generation - 1))
            self.claim(generation)
        except Exception:
            self.release_lock()
            raise

    def claim(self, generation):
        """Write down that this generation has begun, and by whom."""
        self.generation = generation
        number = os.open(self.at(".generation"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.pwrite(number, ("%020d\n" % generation).encode("ascii"), 0)
            os.fsync(number)
        finally:
            os.close(number)
        who = json.dumps({"by": self.by, "since": int(time.time()), "process": os.getpid()})
        os.pwrite(self.lock, who.ljust(512).encode("ascii"), 0)
        journal = os.open(self.at("journal.jsonl"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            reserve(journal, os.fstat(journal).st_size, JOURNAL_RESERVE)
        finally:
            os.close(journal)
        sync_path(self.path)

    # The switch

    def switch(self, label):
        """Let `current` lead to `label`. The link that led to the old release stays under another name, so that the way back needs no free inode."""
        versions, current = self.at("versions"), self.at("versions", "current")
        if label is None:
            if os.path.lexists(current):
                os.unlink(current)
        else:
            spare = self.spare(label)
            if not os.path.lexists(current) or not exchange(spare, current):
                if os.path.basename(spare) == "previous":
                    spare = self.new_spare(label)
                os.rename(spare, current)
            if read_link(current) != label:
                raise Refused("process-failed", "`%s` does not lead to `%s` after the switch" % (current, label))
        sync_path(versions)

    def spare(self, label):
        """A link beside `current` that leads to `label`: `previous`, one that a switch left, or a new one."""
        for name in ["previous"] + self.spares():
            if read_link(self.at("versions", name)) == label:
                return self.at("versions", name)
        return self.new_spare(label)

    def new_spare(self, label):
        path = self.at("versions", ".current-%s" % random_word())
        os.symlink(label, path)
        return path

    def spares(self):
        return [name for name in self.names("versions") if name.startswith(".current-")]

    def keep_previous(self, label):
        """Let `previous` lead to the release that was current before; the link that the switch left becomes it."""
        previous = self.at("versions", "previous")
        if label is not None and read_link(previous) != label:
            os.rename(self.spare(label), previous)
        self.drop_spares()
        sync_path(self.at("versions"))

    def drop_spares(self):
        for name in self.spares():
            os.unlink(self.at("versions", name))

    def settle(self, event, detail):
        """Take back a switch that nobody confirmed: the link first, then the service, then the journal. Returns its line, None where there is none."""
        entry = self.unsettled()
        if entry is None:
            return None
        old, new, current = entry["from"], entry["to"], self.linked("current")
        if current == new:
            self.switch(old)
        elif current != old:
            detail += "; `current` led to %s and was left alone" % current
        if current == new or entry["event"] == "activated":
            trouble = self.serve_again(old, new, entry.get("service"))
            detail += "; %s" % trouble if trouble else ""
        self.note(event, old, new, detail=detail)
        self.drop_spares()
        sync_path(self.at("versions"))
        return {"from": old, "to": new, "detail": detail}

    def serve_again(self, old, new, service):
        """After a switch back: start the old release, or stop the new one where there was none before. Returns what went wrong."""
        if service is None or service.get("kind") != "command":
            return None
        try:
            if old is not None:
                run_service(self, old, service["restart"])
            elif service.get("stop"):
                run_service(self, new, service["stop"])
            return None
        except Refused as refused:
            return refused.detail

    def recover(self):
        """Bring what an earlier run left half-done to an end. Only with the lock. Returns what was settled."""
        settled = None
        if self.unsettled() is not None:
            self.generation = self.stored_generation()
            self.claim(self.generation + 1)
            settled = self.settle("recovered", "the run that switched it ended before it was confirmed")
        elif self.spares():
            # Confirmed in the journal, and cut off before `previous` was moved.
            last = [entry for entry in self.journal() if entry["event"] == "confirmed"][-1:]
            self.keep_previous(last[0]["from"] if last and last[0]["to"] == self.linked("current") else None)
        self.sweep()
        return settled

    def sweep(self):
        """Remove what was never published. Everything of ours that is half-made has one of these names."""
        for directory in ("trees", "versions"):
            for name in self.names(directory):
                if name.startswith((".new-", ".trash-", ".tmp-")):
                    remove_tree(self.at(directory, name))
        for name in self.names(".incoming"):
            remove_tree(self.incoming(name))


# ---- steps: each takes the root and its request, and returns (changed, facts)


def step_stage(root, request):
    """Make a release's directory: everything under a name that nobody sees, its manifest last, then one rename."""
    label = checked_label(request["release"])
    payloads = [root.received(descriptor) for descriptor in request["payloads"]]
    digests = [descriptor["digest"] for descriptor in request["payloads"]]
    if stands_already(root, label, request["stack"], digests):
        return False, None
    new = root.at("versions", ".new-%s-%s" % (label, random_word()))
    parts = [Part(payload, os.path.join(new, checked_package(payload["package"])), root.at("trees"), "../../../trees") for payload in payloads]
    interpreters = [choose_interpreter(part, lambda minor: (find_interpreter(minor), "`python%s`" % minor)) for part in parts]
    for payload in payloads:
        if payload["kind"] == "python":
            checked_machine(payload["platform"])
    os.mkdir(new)
    try:
        for part, interpreter in zip(parts, interpreters):
            part.make(interpreter)
        place_shared(new, payloads)
        fault("stage", "middle")
        manifest = {
            "schema": "caisson.release/1", "label": label, "name": request["stack"]["name"], "stack": request["stack"]["digest"],
            "generation": root.generation, "time": int(time.time()),
            "payloads": [{"package": payload["package"], "version": payload["version"], "kind": payload["kind"], "payload": digest} for payload, digest in zip(payloads, digests)],
            "trees": sorted({tree["id"] for payload in payloads for tree in payload["trees"]}),
        }
        write_new(os.path.join(new, "manifest.json"), canonical_json(manifest), 0o444)
        sync_filesystem(new)
        os.rename(new, root.at("versions", label))
        sync_path(root.at("versions"))
    except Exception:
        remove_tree(new)
        raise
    root.note("staged", None, label)
    return True, None


def stands_already(root, label, stack, digests):
    """Whether this very release stands there; refuse where another one has its name, or the root belongs to another stack."""
    for other in root.manifests().values():
        if other["name"] != stack["name"]:
            raise Refused("host-unfit", "this root belongs to the stack `%s`; choose another root for `%s`" % (other["name"], stack["name"]))
    if not os.path.lexists(root.at("versions", label)):
        return False
    manifest = root.manifest(label)
    if manifest is None:
        raise Refused("host-unfit", "`%s` is not one of Caisson's releases; move it away" % root.at("versions", label))
    if manifest["stack"] != stack["digest"]:
        raise Refused("host-changed", "the release `%s` stands here with other content" % label)
    if [part["payload"] for part in manifest["payloads"]] != digests:
        raise Refused("host-changed", "the release `%s` stands here with other packages of its stack" % label)
    return True


def place_shared(release, payloads):
    """The release's own bin/, links into those of its packages; with one Python package also what makes it an environment of its own."""
    shared = os.path.join(release, "bin")
    os.mkdir(shared)
    owners = {}
    for payload in payloads:
        package = payload["package"]
        if package in ("bin", "lib"):
            raise Refused("collision", "a package named `%s` has no place in a release" % package)
        place = os.path.join(release, package, "bin")
        for name in sorted(os.listdir(place)) if os.path.isdir(place) else []:
            if re.match(r"python[0-9.]*\Z", name) and "interpreter" in payload:
                continue
            if name in owners:
                raise Refused("collision", "`%s` and `%s` both have a program `%s`" % (owners[name], package, portable(name)))
            owners[name] = package
            os.symlink("../%s/bin/%s" % (package, name), os.path.join(shared, name))
    pythons = [payload for payload in payloads if "interpreter" in payload]
    if len(pythons) == 1:
        package = pythons[0]["package"]
        for name in ("python", "python3", "python" + pythons[0]["platform"]["python"]["version"]):
            os.symlink("../%s/bin/python" % package, os.path.join(shared, name))
        for name in ("lib", "pyvenv.cfg"):
            os.symlink("%s/%s" % (package, name), os.path.join(release, name))


def step_activate(root, request):
    """Let `current` lead to a staged release; until `confirm` it may be taken back at any time, and will be when the controller is lost."""
    label, saw = checked_label(request["release"]), request["saw"]
    current = root.linked("current")
    if current == label:
        return False, None
    if current != saw:
        raise Refused("host-changed", "`current` leads to %s and not to %s" % (current, saw))
    if root.unsettled() is not None:
        raise Refused("host-changed", "the switch to `%s` is neither confirmed nor undone" % root.unsettled()["to"])
    manifest = root.manifest(label)
    if manifest is None or not {digest_hex(tree) for tree in manifest["trees"]} <= set(root.trees()):
        raise Refused("host-unfit", "there is no whole release `%s` here" % label)
    root.note("switching", current, label, service=request.get("service"))
    fault("activate", "middle")
    root.switch(label)
    root.note("activated", current, label, service=request.get("service"))
    return True, {"from": current}


def step_confirm(root, request):
    entry = root.unsettled()
    label = checked_label(request["release"])
    if entry is None and root.linked("current") == label:
        return False, None
    if entry is None or entry["to"] != label:
        raise Refused("host-changed", "`%s` is not waiting to be confirmed" % label)
    root.note("confirmed", entry["from"], label)
    fault("confirm", "middle")
    root.keep_previous(entry["from"])
    return True, None


def step_undo(root, request):
    entry = root.unsettled()
    label = checked_label(request["release"])
    if entry is None and root.linked("current") != label:
        return False, None
    if entry is None or entry["to"] != label:
        raise Refused("host-changed", "`%s` is confirmed, so it is no longer undone; a rollback activates another release" % label)
    return True, root.settle("undone", request.get("detail") or "asked to")


def step_restart(root, request):
    service = request["service"]
    label = checked_label(request["release"])
    if service["kind"] == "none":
        return False, None
    run_service(root, label, service["restart"])
    return True, None


def run_service(root, label, command):
    """The owner's command, in the release's real directory. What it prints goes to service.log: a pipe would keep us waiting for a daemon that it leaves behind."""
    release = os.path.realpath(root.at("versions", label))
    output = os.open(root.at("service.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o640)
    try:
        words = ["/bin/sh", "-c", command]
        environment = dict(os.environ, CAISSON_RELEASE=release, CAISSON_STATE=os.path.realpath(root.at("shared")))
        process = subprocess.Popen(words, cwd=release, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    finally:
        os.close(output)
    try:
        status = process.wait(SERVICE_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Refused("process-failed", "`%s` had not ended after %d s" % (command, SERVICE_LIMIT))
    if status != 0:
        said = last_lines(root.at("service.log"))
        raise Refused("process-failed", "`%s` ended with %d%s" % (command, status, ": " + said if said else ""))


# ---- health


def step_check(root, request):
    """Wait until the release answers well for `minHealthy` seconds, `deadline` seconds at most. Changes nothing and needs no lock."""
    release = os.path.realpath(root.at("versions", checked_label(request["release"])))
    health = request["health"]
    began = time.monotonic()
    well_since, problem = None, None
    while True:
        asked = time.monotonic()
        left = max(1.0, request["deadline"] - (asked - began))
        problem = probe(root, release, request["package"], health, min(10.0, left))
        now = time.monotonic()
        well_since = None if problem is not None else (asked if well_since is None else well_since)
        if well_since is not None and now - well_since >= request["minHealthy"]:
            return False, check_facts(health, release)
        if now - began >= request["deadline"]:
            break
        time.sleep(0.1 if now - began < 2 else 0.5)
    raise Refused("unhealthy", unhealthy_detail(root, health, problem, request["deadline"]))


def unhealthy_detail(root, health, problem, deadline):
    subject = health.get("url") or "`%s`" % " ".join(health["argv"])
    if problem is None:
        return "%s did not answer well for long enough within %g s" % (subject, deadline)
    for_so_long = " for %g s" % deadline if problem in ("refused", "did not answer") else ""
    said = last_lines(root.at("service.log"), 1)
    return "%s %s%s%s" % (subject, problem, for_so_long, "; last log: " + said if said else "")


def probe(root, release, package, health, limit):
    """Ask once. None where all is well, else what is wrong in a few words."""
    if health.get("url"):
        return probe_url(health["url"], limit)
    if health.get("argv"):
        return probe_program(root, release, package, health["argv"], limit)
    return None


def probe_url(url, limit):
    """A GET that must answer 2xx or 3xx; proxies of the environment play no part, and redirects are not followed."""
    from http import client
    from urllib.parse import urlsplit
    where = urlsplit(url)
    kind = client.HTTPSConnection if where.scheme == "https" else client.HTTPConnection
    connection = kind(where.hostname, where.port, timeout=limit)
    try:
        connection.request("GET", (where.path or "/") + ("?" + where.query if where.query else ""), headers={"User-Agent": "caisson", "Connection": "close"})
        status = connection.getresponse().status
        return None if 200 <= status < 400 else "answered %d" % status
    except ConnectionRefusedError:
        return "refused"
    except (OSError, client.HTTPException) as error:
        timed_out = isinstance(error, OSError) and "timed out" in str(error)
        return "did not answer" if timed_out else "failed: %s" % (str(error) or type(error).__name__)
    finally:
        connection.close()


def probe_program(root, release, package, argv, limit):
    """A command of the package that must end with 0."""
    own = os.path.join(release, checked_package(package), "bin", argv[0])
    words = [own if os.path.isfile(own) else argv[0]] + argv[1:]
    environment = dict(os.environ, CAISSON_RELEASE=release, CAISSON_STATE=os.path.realpath(root.at("shared")))
    try:
        process = subprocess.Popen(words, cwd=os.path.join(release, package), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        return "cannot be run: %s" % error.strerror
    try:
        said = process.communicate(timeout=limit)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "did not end within %g s" % limit
    if process.returncode == 0:
        return None
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return "ended with %d%s" % (process.returncode, ": " + " | ".join(lines[-3:]) if lines else "")


def check_facts(health, release):
    """`verified`: whether the process that listens at the url runs from this release; left out where that cannot be seen."""
    from urllib.parse import urlsplit
    if not health.get("url"):
        return None
    where = urlsplit(health["url"])
    owners = listeners(where.port or (443 if where.scheme == "https" else 80))
    traces = [trace for trace in (traces_of(pid) for pid in owners) if trace is not None]
    return {"verified": any(runs_from(trace, release) for trace in traces)} if traces else None


def runs_from(trace, directory):
    return re.search(re.escape(os.fsencode(directory)) + br"(?:[/\0\n ]|$)", trace) is not None


def listeners(port):
    """Processes that listen on a TCP port of this machine, as far as we may look."""
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = read_bytes(table).decode("ascii").splitlines()[1:]
        except OSError:
            continue
        for words in (row.split() for row in rows):
            if words[3] == "0A" and int(words[1].rsplit(":", 1)[1], 16) == port:
                sockets.add("socket:[%s]" % words[9])
    return [pid for pid in processes() if any(target in sockets for target in open_files(pid))]


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def open_files(pid):
    folder = "/proc/%d/fd" % pid
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [target for target in (gone_is_none(os.readlink, "%s/%s" % (folder, name)) for name in names) if target]


def traces_of(pid):
    """Every path that a process shows of itself, as bytes to search in. None for one that we may not look at, or that is gone."""
    folder = "/proc/%d/" % pid
    cwd = gone_is_none(os.readlink, folder + "cwd")
    if cwd is None:
        return None
    links = [os.fsencode(gone_is_none(os.readlink, folder + name) or "") for name in ("exe", "root")]
    texts = [gone_is_none(read_bytes, folder + name) or b"" for name in ("maps", "cmdline")]
    environment = [pair for pair in (gone_is_none(read_bytes, folder + "environ") or b"").split(b"\0") if pair.startswith(b"CAISSON_RELEASE=")]
    return b"\n".join([os.fsencode(cwd)] + links + texts + environment)


def gone_is_none(read, path):
    """What `read` returns; None where the process is gone, or is not ours to look at."""
    try:
        return read(path)
    except OSError:
        return None


# ---- prune, verify, observe


def step_prune(root, request):
    """Remove releases beyond the `keep` newest, and then the trees that no release links. Never current, previous, unsettled, or in use."""
    manifests = root.manifests()
    used = names_in_use(root)
    removed, kept = [], []
    newest = sorted(manifests, key=lambda label: (manifests[label]["generation"], label), reverse=True)
    room = request["keep"]
    for label in newest:
        reason = protection(root, label, used)
        if reason is None and room > 0:
            reason, room = "newest", room - 1
        if reason is None:
            removed.append(label)
        else:
            kept.append({"label": label, "reason": reason})
    for label in removed:
        discard(root, "versions", label)
    fault("prune", "middle")
    trees = prune_trees(root, used)
    if removed:
        root.note("pruned", None, None, detail=", ".join(removed))
    return bool(removed or trees), {"removed": removed, "kept": kept, "trees": len(trees)}


def protection(root, label, used):
    """Why a release must stay whatever its age; None where nothing holds it."""
    unsettled = root.unsettled() or {}
    for name in ("current", "previous"):
        if root.linked(name) == label:
            return name
    if label in (unsettled.get("from"), unsettled.get("to")):
        return "unconfirmed"
    return "in use by process %d" % used["versions/" + label] if "versions/" + label in used else None


def names_in_use(root):
    """Releases (`versions/124`) and trees (`trees/<hex>`) that a process shows a path into, each with such a process."""
    tops = {os.fsencode(top) for top in (root.path, os.path.realpath(root.path))}
    found = re.compile(b"(?:" + b"|".join(re.escape(top) for top in tops) + br")/((?:versions|trees)/[^/\0\n ]+)")
    used = {}
    for pid in processes():
        for name in found.findall(traces_of(pid) or b"") if pid != os.getpid() else []:
            used.setdefault(os.fsdecode(name), pid)
    return used


def prune_trees(root, used):
    """Trees that no release links and no process shows, removed. Other documents of trees go with them."""
    linked = {digest_hex(tree) for manifest in root.manifests().values() for tree in manifest["trees"]}
    loose = [name for name in root.trees() if name not in linked and "trees/" + name not in used]
    for name in loose:
        discard(root, "trees", name)
    whole = set(root.trees())
    for name in root.names("trees"):
        if name.endswith(".json") and name[:-len(".json")] not in whole:
            os.unlink(root.at("trees", name))
    return loose


def discard(root, directory, name):
    """Out of sight first, in one step; then away, which may take its time."""
    trash = root.at(directory, ".trash-%s-%s" % (name, random_word()))
    os.rename(root.at(directory, name), trash)
    sync_path(root.at(directory))
    remove_tree(trash)


def step_verify(root, _):
    """Read every file of every release again, and hold it against the documents of its trees."""
    root.check()
    problems, files = [], 0
    for tree in sorted({tree for manifest in root.manifests().values() for tree in manifest["trees"]}):
        found, count = verify_tree(root, digest_hex(tree))
        problems.extend(found)
        files += count
    for label in sorted(root.manifests()):
        for path in paths_below(root.at("versions", label), ""):
            if not os.path.exists(root.at("versions", label, path)):
                problems.append({"path": "versions/%s/%s" % (label, portable(path)), "problem": "missing"})
    return False, {"files": files, "problems": problems}


def verify_tree(root, name):
    """What is wrong with one tree (bad, missing, strange), and how many files were read. Bytecode is nobody's content."""
    top = root.at("trees", name)
    try:
        entries = read_tree(top + ".json", "sha256:" + name)
    except (OSError, ValueError, KeyError, Refused):
        return [{"path": "trees/%s.json" % name, "problem": "bad"}], 0
    wanted = {native(entry["path"]): entry for entry in entries}
    there = set(paths_below(top, ""))
    problems = [(path, "strange") for path in there - set(wanted) if "/__pycache__/" not in path]
    problems += [(path, "missing") for path in wanted if not os.path.lexists(os.path.join(top, path))]
    problems += [(path, "bad") for path in there & set(wanted) if not is_intact(os.path.join(top, path), wanted[path])]
    return [{"path": "trees/%s/%s" % (name, portable(path)), "problem": problem} for path, problem in sorted(problems)], len(there)


def is_intact(path, entry):
    if entry["kind"] == "link":
        return read_link(path) == native(entry["target"])
    if entry["kind"] == "directory":
        return os.path.isdir(path)
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return False
    hasher = hashlib.sha256()
    for piece in pieces_of(path):
        hasher.update(piece)
    return hasher.hexdigest() == digest_hex(entry["digest"])


def paths_below(directory, prefix):
    """Every file and link below, relative; directories only by what lies in them."""
    try:
        names = os.listdir(os.path.join(directory, prefix))
    except OSError:
        return
    for name in names:
        path = prefix + name
        if stat.S_ISDIR(os.lstat(os.path.join(directory, path)).st_mode):
            yield from paths_below(directory, path + "/")
        else:
            yield path


def step_observe(root, request):
    """What the root is like. Nobody else holding the lock, an unconfirmed switch of a dead run is settled first, and its leftovers are swept."""
    root.check()
    recovered = settle_for_observer(root, request.get("by"))
    state = {
        "host": os.uname().nodename, "generation": root.stored_generation(),
        "current": root.linked("current"), "previous": root.linked("previous"),
        "releases": releases(root), "trees": ["sha256:" + name for name in root.trees()],
        "facts": host_facts(root.path),
    }
    if recovered is not None:
        state["recovered"] = recovered
    if request.get("journal"):
        state["journal"] = [{key: entry[key] for key in entry if key != "service"} for entry in root.journal()[-request["journal"]:]]
    return False, state


def settle_for_observer(root, by):
    """Returns what was settled; None where there was nothing to settle, or it is not for us to do."""
    if root.lock is not None or not os.path.exists(root.at(".lock")):
        return None
    try:
        if not root.take_lock():
            return None
    except OSError:
        return None
    try:
        root.by = by
        return root.recover()
    finally:
        root.release_lock()


def releases(root):
    current, unsettled = root.linked("current"), root.unsettled() or {}
    confirmed = {entry.get("to") for entry in root.journal() if entry["event"] == "confirmed"}
    found = []
    for label, manifest in sorted(root.manifests().items(), key=lambda item: (item[1]["generation"], item[0])):
        if label == current:
            state = "unconfirmed" if unsettled.get("to") == label else "active"
        else:
            state = "retired" if label in confirmed else "staged"
        found.append({"label": label, "stack": manifest["stack"], "name": manifest["name"], "state": state})
    return found


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
        self.heard = time.monotonic()
        self.beaten = time.monotonic()
        self.input = bytearray()
        self.blob = None  # the one that is coming in
        self.output = bytearray()
        self.trees = []  # requests for trees that may be made now, at once
        self.queue = []  # requests behind them, in order
        self.made = []  # trees that are made and not yet published: (request, name of the new directory)
        self.made_at = None
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
            elif self.workers[descriptor].listen():
                self.collect(self.workers.pop(descriptor))
        if writable:
            self.write()
        now = time.monotonic()
        # Silence is no words at a moment when we listen: our own disk may have kept us from listening.
        if 0 not in readable and now - self.heard > self.silence:
            self.ended = "controller silent for %g s" % self.silence
        if now - self.beaten >= BEAT:
            self.beaten = now
            self.send({"beat": int(now)})

    # Input and output

    def read(self):
        data = os.read(0, CHUNK)
        self.heard = time.monotonic()
        if not data:
            self.ended = "controller lost"
        view = memoryview(data)
        while view:
            if self.blob is not None:
                view = self.take_bytes(view)
            else:
                self.input += view[:HEADER_LIMIT]
                view = self.take_headers()

    def take_headers(self):
        """Deal with every whole header of what has come; returns bytes of a blob that came behind one."""
        while len(self.input) >= 4:
            length = struct.unpack_from(">I", self.input)[0]
            if length > HEADER_LIMIT:
                self.ended = "controller sent nonsense"
            if len(self.input) < 4 + length:
                break
            header = json.loads(self.input[4:4 + length].decode("utf-8"))
            del self.input[:4 + length]
            self.take_request(header)
            if self.blob is not None:
                rest, self.input = self.input, bytearray()
                return memoryview(rest)
        return memoryview(b"")

    def take_request(self, request):
        if "beat" in request:
            return
        step = request.get("step")
        refused = None
        try:
            if step not in STEPS and step not in ("receive", "tree"):
                raise Refused("usage", "this agent knows no step `%s`" % step)
            if step not in READING:
                self.begin(request)
        except Exception as error:
            refused = explained(error)
        if step == "receive" or request.get("size"):
            self.blob = Incoming(self.root, request, refused)
            self.take_bytes(memoryview(b""))
        elif refused is not None:
            self.refuse(request, refused)
        else:
            self.queue.append(request)

    def begin(self, request):
        """Before the first change: the lock, and the number that this run was given."""
        if self.root.generation is None:
            self.root.begin(request["generation"], request.get("by"))
        elif self.root.generation != request["generation"]:
            raise Refused("host-changed", "this run has the number %d and not %d" % (self.root.generation, request["generation"]))

    def take_bytes(self, view):
        """Bytes of the blob that is coming in; returns those behind it."""
        rest = self.blob.take(view)
        if self.blob.missing == 0:
            blob, self.blob = self.blob, None
            self.send(dict(answer_of(blob.finish), answer=blob.request["request"]))
        return rest

    def send(self, message):
        data = json.dumps(message).encode("ascii")
        self.output += struct.pack(">I", len(data)) + data

    def refuse(self, request, refused):
        self.send({"answer": request["request"], "ok": False, "code": refused.code, "detail": refused.detail})

    def write(self):
        try:
            del self.output[:os.write(1, self.output[:CHUNK])]
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
            if self.trees and len(self.workers) < core_count():
                self.trees.sort(key=lambda request: request["document"]["size"])
                self.start_tree(self.trees.pop())
            elif self.workers or self.trees:
                return
            elif self.made and (self.queue or self.blob is None or time.monotonic() - self.made_at >= 2):
                # One wait for the disk for all of them, and not while more are on their way.
                batch, self.made = self.made, []
                self.start_alone(publish, batch)
            elif self.queue:
                request = self.queue.pop(0)
                self.silence = request.get("undoAfter", self.silence)
                self.start_alone(perform, request)
            else:
                return

    def start_alone(self, work, subject):
        self.alone = True
        self.start(lambda: work(self.root, subject), subject)

    def start(self, work, subject):
        worker = Worker(work, subject)
        self.workers[worker.output] = worker

    def start_tree(self, request):
        try:
            if os.path.isdir(self.root.at("trees", digest_hex(request["id"]))):
                self.send({"answer": request["request"], "ok": True, "changed": False, "facts": None})
                return
            python = self.compiler(request)
        except Refused as refused:
            self.refuse(request, refused)
            return
        self.start(lambda: new_tree(self.root, request, python), request)

    def collect(self, worker):
        """A worker has ended: answer for it, or keep its tree until it is published."""
        outcome = worker.outcome()
        self.alone = False
        request = worker.subject
        if isinstance(request, list):
            for each, one in zip(request, outcome["facts"] if outcome["ok"] else [outcome] * len(request)):
                self.send(dict(one, answer=each[0]["request"]))
        elif request["step"] == "tree" and outcome["ok"]:
            self.made_at = time.monotonic() if not self.made else self.made_at
            self.made.append((request, outcome["facts"]))
        else:
            self.send(dict(outcome, answer=request["request"]))

    def compiler(self, request):
        """The interpreter whose bytecode a tree gets; None for none. Whether a release can run here is asked when it is staged."""
        if not self.bytecode or request.get("bytecode") is False:
            return None
        minor = request.get("python")
        if minor not in self.interpreters:
            found = describe_interpreter() if minor is None else find_interpreter(minor)
            self.interpreters[minor] = None if found is None else found["path"]
        return self.interpreters[minor]

    # The end

    def finish(self):
        """The dead-man: whatever ended the conversation, an unconfirmed switch is taken back, and nothing half-made stays."""
        for worker in self.workers.values():
            worker.kill()
        if self.root.lock is not None:
            if self.root.unsettled() is not None:
                log("undoing the switch: %s" % self.ended)
            self.root.settle("undone", self.ended)
            self.root.sweep()
            os.rmdir(self.root.at(".incoming"))
        elif self.ended != "controller lost":
            log(self.ended)


def wakeup_on_signals():
    """A descriptor that becomes readable when somebody wants us to stop."""
    reading, writing = os.pipe()
    for descriptor in (reading, writing):
        os.set_blocking(descriptor, False)  # novm
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reading


class Incoming:
    """A blob on its way in. Whatever is wrong with it, its bytes are read to the end, for the next request stands behind them."""

    def __init__(self, root, request, refused):
        self.root = root
        self.request = request
        self.refused = refused
        self.missing = request.get("size", 0)
        self.hasher = hashlib.sha256()
        self.part = root.incoming(".part")
        self.file = None
        if refused is None:
            self.attempt(self.open)

    def attempt(self, work, *words):
        try:
            work(*words)
        except Exception as error:
            self.refused = explained(error)

    def open(self):
        blob = self.request["blob"]
        digest_hex(blob["digest"])
        if blob["size"] != self.missing:
            raise Refused("digest-mismatch", "the blob `%s` has %d bytes, and %d are announced" % (blob["digest"], blob["size"], self.missing))
        self.file = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def take(self, view):
        """Returns the bytes behind the blob."""
        mine, rest = view[:self.missing], view[self.missing:]
        self.missing -= len(mine)
        if self.refused is None:
            self.hasher.update(mine)
            self.attempt(write_all, self.file, mine)
        return rest

    def finish(self):
        if self.file is not None:
            os.close(self.file)
        if self.refused is not None:
            raise self.refused
        fault("receive", "middle")
        digest = "sha256:" + self.hasher.hexdigest()
        if digest != self.request["blob"]["digest"]:
            raise Refused("digest-mismatch", "the blob `%s` arrived with the digest `%s`" % (self.request["blob"]["digest"], digest))
        os.rename(self.part, self.root.incoming(digest_hex(digest)))
        return True, None


def perform(root, request):
    """One step that is neither a blob nor a tree."""
    step = request["step"]
    fault(step, "before")
    outcome = STEPS[step](root, request)
    fault(step, "after")
    return outcome


def new_tree(root, request, python):
    """Make a tree under a name that nobody sees. Returns that name."""
    fault("tree", "before")
    tree = digest_hex(request["id"])
    document = root.incoming(digest_hex(request["document"]["digest"]))
    if not os.path.isfile(document):
        raise Refused("blob-missing", "the document `%s` has not been received" % request["document"]["digest"])
    new = root.at("trees", ".new-%s-%s" % (tree, random_word()))
    try:
        make_tree(read_tree(document, request["id"]), Blobs(root.incoming), new, python)
        seal(new, 0o555)
        write_new(new + ".json", read_bytes(document), 0o444)
    except Exception:
        if os.path.lexists(new):
            remove_tree(new)
        raise
    return True, os.path.basename(new)


def publish(root, batch):
    """Give trees that are made their names, after one wait for the disk. Returns an answer for each."""
    sync_filesystem(root.at("trees"))
    answers = []
    for request, name in batch:
        new, final = root.at("trees", name), root.at("trees", digest_hex(request["id"]))
        there = os.path.isdir(final)
        if there:
            remove_tree(new)
            os.unlink(new + ".json")
        else:
            os.rename(new + ".json", final + ".json")
            os.rename(new, final)
        answers.append({"ok": True, "changed": not there, "facts": None})
    sync_path(root.at("trees"))
    fault("tree", "after")
    return True, answers


# ---- the two ways to be started


def main(words):
    os.umask(0o022)
    root, marker, options = words[0], words[words.index("--marker") + 1], words
    path = os.path.normpath(os.path.join("/", root))
    Session(Root(path), "--no-bytecode" not in options).run(marker)
    return 0


if __name__ == "__main__":
    if sys.version_info < (3, 6):  # novm
        sys.stderr.write("agent: needs Python 3.6 or newer, and this is %d.%d\n" % sys.version_info[:2])
        sys.exit(3)
    sys.exit(main(sys.argv[1:]))
