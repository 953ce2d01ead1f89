"""A package's part of a release: links into trees, programs that lie in it for real, and its interpreter."""
import os

from .files import tried, write_new
from .interpreters import check_interpreter, check_machine
from .links import copy_whole, link_or_copy
from .values import Refused, checked_path, digest_hex, minor_of, native, portable


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
        elif link["how"] == "copy":
            copy_whole(self.tree_path(link["tree"], link["to"]), path)
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
