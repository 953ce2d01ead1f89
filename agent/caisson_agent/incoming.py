"""Blobs on their way in: as they are, deflated, or told by their difference to a file that is here."""
import hashlib
import json
import os
import zlib

from .files import read_bytes, write_all
from .values import CHUNK, Refused, checked_path, digest_hex, explained
from .workers import fault

DELTA_LIMIT = 1 << 26  # bytes of a difference, which lies in memory whole


class Incoming:
    """A blob on its way in. Whatever is wrong with it, its bytes are read to the end, for the next request stands behind them."""

    def __init__(self, root, request, refused):
        self.request = request
        self.refused = refused
        self.missing = request.get("size", 0)
        self.hasher = hashlib.sha256()
        self.written = 0
        self.root = root
        self.file = None
        self.unpack = zlib.decompressobj(-zlib.MAX_WBITS) if request.get("encoding") else None
        self.difference = bytearray() if request.get("base") else None

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
                self.take_packed(mine)
        except Exception as error:
            self.refused = explained(error)
        return rest

    def take_packed(self, data):
        """Unpacked piece by piece, so that a few bytes that stand for many never lie in memory as those."""
        while self.unpack is not None and data:
            self.take_plain(self.unpack.decompress(data, CHUNK))
            data = self.unpack.unconsumed_tail
        if self.unpack is None:
            self.take_plain(data)

    def take_plain(self, data):
        if self.difference is None:
            self.write(data)
        elif len(self.difference) + len(data) > DELTA_LIMIT:
            raise Refused("digest-mismatch", "the difference that tells the blob `%s` does not end" % self.request["blob"]["digest"])
        else:
            self.difference += data

    def write(self, data):
        self.written += len(data)
        if self.written > self.request["blob"]["size"]:
            raise Refused("digest-mismatch", "the blob `%s` is longer than the %d bytes that it should have" % (self.request["blob"]["digest"], self.request["blob"]["size"]))
        self.hasher.update(data)
        write_all(self.file, data)

    def finish(self):
        if self.file is None and self.refused is None:
            self.take(memoryview(b""))  # a blob of no bytes
        if self.refused is None and self.difference is not None:
            for piece in patched(base_bytes(self.root, self.request["base"]), bytes(self.difference)):
                self.write(piece)
        if self.file is not None:
            os.close(self.file)
        if self.refused is not None:
            raise self.refused
        fault("receive", "middle")
        wanted, digest = self.request["blob"], "sha256:" + self.hasher.hexdigest()
        if digest != wanted["digest"] or self.written != wanted["size"]:
            raise Refused("digest-mismatch", "the blob `%s` of %d bytes arrived with %d bytes and the digest `%s`" % (wanted["digest"], wanted["size"], self.written, digest))
        os.rename(self.root.at(".incoming", ".part"), self.root.at(".incoming", digest_hex(digest)))
        fault("receive", "after")
        return True, None

def base_bytes(root, path):
    """The file that a difference is told against; what comes of it is hashed, so that it need not be."""
    place = root.at(checked_path(path))
    if path.split("/", 1)[0] not in ("trees", "versions") or not os.path.isfile(place):
        raise Refused("blob-missing", "there is no file `%s` here" % path)
    return read_bytes(place)

def patched(base, difference):
    """A line of numbers, three by three: copy so many bytes (second) of the base from an offset (first), then so many (third) of those that stand behind the line."""
    end = difference.index(b"\n")
    numbers, at = json.loads(difference[:end].decode("ascii")), end + 1
    for start, length, fresh in zip(numbers[0::3], numbers[1::3], numbers[2::3]):
        yield base[start:start + length]
        yield difference[at:at + fresh]
        at += fresh
