"""Trees: documents that say which bytes lie where, written, checked and compiled."""
import hashlib
import mmap
import os
import re
import struct
import subprocess
import zlib

from .files import pieces_of, read_bytes, read_json, write_new
from .values import (
    AREAS,
    CHUNK,
    Refused,
    canonical_json,
    checked_path,
    digest_hex,
    log,
    native,
)
from .workers import fault


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

class Tarball:
    """The members of one tar archive, by name: an interpreter's files, since a host without any Python can unpack that."""

    def __init__(self, path):
        import tarfile
        self.path = path
        with tarfile.open(path, "r:") as archive:
            self.members = {member.name: (member.offset_data, member.size) for member in archive if member.isreg()}

    def chunks(self, name):
        """The member's bytes, in pieces."""
        if name not in self.members:
            raise Refused("blob-missing", "an interpreter's archive has no member `%s`" % name)
        start, size = self.members[name]
        with open(self.path, "rb") as file:
            file.seek(start)
            while size > 0:
                piece = file.read(min(CHUNK, size))
                if not piece:
                    return
                size -= len(piece)
                yield piece

def container_of(path):
    """A blob that has members."""
    with open(path, "rb") as file:
        return Wheel(path) if file.read(2) == b"PK" else Tarball(path)

class Blobs:
    """The bytes that files of trees come from; `place` says in which file those of some hex digits lie."""

    def __init__(self, place):
        self.place = place
        self.wheels = {}

    def has(self, digest):
        return os.path.isfile(self.place(digest_hex(digest)))

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
            self.wheels[source["blob"]] = container_of(self.path(source["blob"]))
        return self.wheels[source["blob"]].chunks(source["member"])

def read_tree(document, tree):
    """The entries of a tree's document, which must be those that its id is the hash of."""
    try:
        value = read_json(document)
    except ValueError:
        raise Refused("bundle-invalid", "the document of tree `%s` is damaged" % tree)
    identity = [{key: entry[key] for key in entry if key != "source"} for entry in value["entries"]]
    if value["schema"] != "caisson.tree/1" or hashlib.sha256(canonical_json(identity)).hexdigest() != digest_hex(tree):
        raise Refused("digest-mismatch", "the document of tree `%s` describes another tree" % tree)
    for entry in value["entries"]:
        checked_path(entry["path"])
        if entry["path"].split("/", 1)[0] not in AREAS:
            raise Refused("bundle-invalid", "`%s` lies in no area of a tree" % entry["path"])
    return value["entries"]

def make_tree(entries, blobs, directory, python, like=None):
    """Write a tree's files below `directory`, which is new; `python` compiles its modules, None leaves that out. `like`: trees that are here, with files to take."""
    os.mkdir(directory)
    directories, linked = {"": directory}, set()
    for entry in entries:
        if entry["kind"] == "directory":
            directory_for(native(entry["path"]), directories)
        elif entry["kind"] == "file":
            path, mode = place_for(native(entry["path"]), directories), mode_of(entry)
            if like is not None and blobs.has(entry["digest"]):
                written = write_new(path, pieces_of(blobs.path(entry["digest"])), mode)
            elif like is not None and like.has(entry["digest"]):
                written = like.place(entry, path, mode)
                linked.add(entry["path"])
            else:
                written = write_new(path, blobs.chunks(entry["source"]), mode)
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
        there = set() if like is None else like.place_bytecode([entry for entry in entries if entry["path"] in linked], directory)
        compile_tree([entry for entry in entries if entry["path"] not in there], directory, python)

def mode_of(entry):
    """The mode that a file or a directory has in a tree, which nobody writes to."""
    return 0o444 if entry["kind"] == "file" and not entry["mode"] & 0o100 else 0o555

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
    modules = [entry["path"].encode("utf-8") for entry in entries if entry["kind"] == "file" and re.match(r"(site|root/lib/python3\.\d+)/.*\.py\Z", entry["path"], re.DOTALL)]
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
