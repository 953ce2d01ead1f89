"""Files and directories: durable, exclusive, and removed whole."""
import errno
import hashlib
import json
import os
import re
import stat

from .values import CHUNK


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
    try:
        while view:
            view = view[os.write(descriptor, view):]
    except OSError as error:
        # Which disk is full is worth a word.
        error.filename = read_link("/proc/self/fd/%d" % descriptor)
        raise

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
    for tries in range(100, 0, -1):
        os.chmod(path, 0o700)
        for name in os.listdir(path):
            remove_tree(os.path.join(path, name))
        try:
            os.rmdir(path)
            return
        except OSError as error:
            # A program that was killed a moment ago may have made one more file before it died.
            if error.errno != errno.ENOTEMPTY or tries == 1:
                raise

def read_end(path):
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
        return file.read()

def shortened(output, count):
    """The last lines of what a program printed, as one, behind a colon, each by its end where it is long, and without what moves a terminal's cursor; nothing for nothing."""
    lines = [re.sub(r"[\x00-\x1f\x7f]", "?", line.strip().replace("\t", " ")) for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    lines = [line if len(line) <= 400 else "..." + line[-400:] for line in lines]
    return ": " + " | ".join(lines[-count:]) if lines else ""
