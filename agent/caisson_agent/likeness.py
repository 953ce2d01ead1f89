"""Files of trees that are here already, taken into a new tree by their digest; and the record of a tree's bytecode, which makes that worth taking too."""
import os
import re
import stat

from .files import hash_of, pieces_of, read_json, tried, write_new
from .links import link_or_copy
from .trees import read_tree
from .values import Refused, digest_hex, native, portable

TREE_SUFFIXES = (".bytecode", ".made", ".json", "")  # what belongs to a tree, in the order in which it gets its names


class Like:
    """Trees of a root that a new one resembles. What is taken from them is hashed first; where that shows damage, the tree is marked, and no later plan counts on it."""

    def __init__(self, root, trees, tag):
        self.root = root
        self.tag = tag  # of bytecode that the new tree wants, `cpython-311`; None for none
        self.files = {}  # by digest: the tree that has it, and its entry there
        self.paths = {}  # by path and digest: the tree that has that there
        self.records = {}
        for tree in trees:
            name = digest_hex(tree)
            try:
                entries = read_tree(root.at("trees", name + ".json"), tree)
            except (OSError, ValueError, KeyError, Refused):
                raise self.damaged(name, ".json")
            files = [entry for entry in entries if entry["kind"] == "file"]
            self.files.update((entry["digest"], (name, entry)) for entry in files)
            self.paths.update(((entry["path"], entry["digest"]), name) for entry in files)
            self.records[name] = tried(read_json, record_of(root.at("trees", name)), {}) if tag else {}

    def has(self, digest):
        return digest in self.files

    def place(self, entry, path, mode):
        """The entry's bytes at `path`: a second name for the file that is here, or a copy where that has another mode or owner. Returns its length and the hex digits of its digest."""
        name, other = self.files[entry["digest"]]
        source = self.root.at("trees", name, native(other["path"]))
        found = tried(hash_of, source)
        if os.path.islink(source) or found != digest_hex(entry["digest"]):
            raise self.damaged(name, "/" + other["path"])
        if is_as_made(source, mode):
            link_or_copy(source, path)
            return other["size"], found
        return write_new(path, pieces_of(source), mode)

    def damaged(self, name, path):
        """The refusal for a tree that is not what its document says."""
        tried(lambda mark: open(mark, "w").close(), self.root.at("trees", name + ".damaged"))
        return Refused("digest-mismatch", "`trees/%s%s` is damaged, so that nothing can be taken from it; do the same once more, and look after this host's disk" % (name, path))

    def place_bytecode(self, entries, directory):
        """Second names for the bytecode of modules that have the same path in a tree that is here. Returns the paths of those modules."""
        done = set()
        for entry in entries:
            name = self.paths.get((entry["path"], entry["digest"]))
            parts = re.match(r"(.*/)([^/]*)\.py\Z", entry["path"], re.DOTALL)
            cached = parts and "%s__pycache__/%s.%s.pyc" % (parts.group(1), parts.group(2), self.tag)
            wanted = self.records[name].get(cached) if name else None
            source = self.root.at("trees", name, native(cached)) if wanted else None
            if wanted and tried(hash_of, source) == wanted and is_as_made(source, 0o444):
                target = os.path.join(directory, native(cached))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                link_or_copy(source, target)
                done.add(entry["path"])
        return done

def is_as_made(path, mode):
    """Whether a file has this mode, and is ours."""
    found = os.lstat(path)
    return (stat.S_IMODE(found.st_mode), found.st_uid) == (mode, os.geteuid())

def record_of(tree):
    """Where the digests of a tree's bytecode stand: bytecode is no content, but it runs."""
    return tree + ".bytecode"

def bytecode_record(directory):
    """Hex digits of the digest of each compiled module below `directory`, by its path."""
    found = {}
    for folder, _, names in os.walk(directory):
        if os.path.basename(folder) == "__pycache__":
            for name in names:
                found[portable(os.path.relpath(os.path.join(folder, name), directory))] = hash_of(os.path.join(folder, name))
    return found
