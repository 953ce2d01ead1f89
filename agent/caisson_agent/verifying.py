"""Every byte of every release, read again and held against the documents of its trees."""
import os
import stat

from .files import hash_of, read_json, read_link, tried
from .likeness import record_of
from .parts import Part
from .trees import read_tree
from .values import Refused, digest_hex, native, portable


def step_verify(root, request):
    """Read every file of every release again: those of its trees, and what a release has of its own. `releases`: say also what those are made of."""
    root.check()
    problems, files, manifests = [], 0, root.manifests()
    for tree in sorted({digest_hex(tree) for _, manifest in manifests for tree in manifest["trees"]}):
        found, count = verify_tree(root, tree)
        problems += [("trees/%s%s" % (tree, path), problem) for path, problem in found]
        files += count
    contents = Contents(root)
    for label, manifest in manifests:
        problems += [("versions/%s/%s" % (label, path), "missing") for path in paths_below(root.at("versions", label), "") if not os.path.exists(root.at("versions", label, path))]
        for payload in manifest["payloads"]:
            found, count = verify_part(root, label, payload, contents)
            problems += [("versions/%s/%s" % (label, path), problem) for path, problem in found]
            files += count
    facts = {"files": files, "problems": [{"path": portable(path), "problem": problem} for path, problem in sorted(set(problems))]}
    if request.get("releases"):
        facts["releases"] = [{"label": label, "name": manifest["name"], "stack": manifest["stack"], "payloads": [{key: payload[key] for key in ("package", "version", "payload")} for payload in manifest["payloads"]]} for label, manifest in manifests]
    return False, facts

def verify_tree(root, name):
    """What is wrong with which paths of a tree, and how many it has. Bytecode is nobody's content, but what was recorded of it must be so."""
    top = root.at("trees", name)
    try:
        entries = read_tree(top + ".json", "sha256:" + name)
    except (OSError, ValueError, KeyError, Refused):
        return [(".json", "bad")], 0
    return damage_below(top, entries), len(entries)

def damage_below(top, entries):
    """What is wrong with which paths of a tree that should have these entries."""
    wanted = {native(entry["path"]): entry for entry in entries}
    there = set(paths_below(top, ""))
    problems = [("/" + path, "strange") for path in there - set(wanted) if "/__pycache__/" not in path]
    problems += [("/" + path, "bad" if os.path.lexists(os.path.join(top, path)) else "missing") for path in wanted if not is_intact(os.path.join(top, path), wanted[path])]
    compiled = tried(read_json, record_of(top), {})
    problems += [("/" + native(path), "bad") for path in compiled if tried(hash_of, os.path.join(top, native(path))) != compiled[path]]
    return problems

def is_intact(path, entry):
    if entry["kind"] == "link":
        return read_link(path) == native(entry["target"])
    if entry["kind"] == "directory":
        return os.path.isdir(path)
    return not os.path.islink(path) and tried(hash_of, path) == digest_hex(entry["digest"])

def verify_part(root, label, payload, contents):
    """The same of a package's part of a release: its links lead where they should, and files of its own are those of its trees. What programs have added to those may be there: that is what such files are for."""
    document = root.at("versions", label, payload["package"] + ".json")
    if not os.path.isfile(document):
        return [], 0  # an older agent kept none
    if tried(hash_of, document) != digest_hex(payload["payload"]):
        return [(payload["package"] + ".json", "bad")], 0
    part = Part(read_json(document), root.at("versions", label, payload["package"]), root.at("trees"), "../../../trees")
    problems, files = [], 0
    for path, entry, source in placed_files(part, contents):
        place = os.path.join(part.directory, native(path))
        # A second name of a tree's file is that file.
        if source is None or not is_same(place, source):
            files += entry["kind"] == "file"
            if not is_intact(place, entry) and (os.path.lexists(place) or "bytecode" not in entry):
                problems.append((payload["package"] + "/" + native(path), "bad" if os.path.lexists(place) else "missing"))
    return problems, files

def placed_files(part, contents):
    """Path, entry and source of each file and link of a part. Bytecode may be missing."""
    for link in part.payload["links"]:
        if link["how"] == "symlink":
            yield link["path"], {"kind": "link", "target": portable(part.from_depth(link["path"].count("/"), link["tree"], link["to"]))}, None
        elif "tree" in link:
            for below, entry in contents.below(link["tree"], link["to"]):
                yield link["path"] + below, entry, part.tree_path(link["tree"], link["to"] + below)
            for name, entry in contents.bytecode(link["tree"], link["to"]):
                path, source = [os.path.join(os.path.dirname(module), "__pycache__", name) for module in (link["path"], link["to"])]
                yield path, entry, part.tree_path(link["tree"], source)

class Contents:
    """What trees hold, read once each."""

    def __init__(self, root):
        self.root = root
        self.trees = {}

    def of(self, tree):
        """A tree's entries by path, its bytecode as it was recorded among them, and that by the path of its module. Nothing of a tree that cannot be read, which is told of the tree."""
        name = digest_hex(tree)
        if name not in self.trees:
            recorded = tried(read_json, record_of(self.root.at("trees", name)), {})
            try:
                entries = {entry["path"]: entry for entry in read_tree(self.root.at("trees", name + ".json"), tree)}
            except (OSError, ValueError, KeyError, Refused):
                entries = {}
            compiled = {path: {"kind": "file", "digest": "sha256:" + recorded[path], "bytecode": True} for path in recorded}
            modules = {}
            for path in sorted(compiled):
                folder, file = os.path.split(path)
                modules.setdefault("%s/%s.py" % (os.path.dirname(folder), file.rsplit(".", 2)[0]), []).append((file, compiled[path]))
            self.trees[name] = dict(entries, **compiled), modules
        return self.trees[name]

    def below(self, tree, top):
        """Entries at a path or below it, each behind what follows that path."""
        entries = self.of(tree)[0]
        if top in entries:
            return [("", entries[top])]
        return [(path[len(top):], entries[path]) for path in sorted(entries) if path.startswith(top + "/")]

    def bytecode(self, tree, module):
        """Bytecode of one module, by its file's name."""
        return self.of(tree)[1].get(module, [])

def is_same(one, other):
    """Whether two names are of one file, which is no link."""
    found = tried(os.lstat, one), tried(os.lstat, other)
    return None not in found and stat.S_ISREG(found[0].st_mode) and os.path.samestat(*found)

def paths_below(directory, prefix):
    """Every file and link below, relative; directories only by what lies in them."""
    for name in tried(os.listdir, os.path.join(directory, prefix), []):
        path = prefix + name
        if stat.S_ISDIR(os.lstat(os.path.join(directory, path)).st_mode):
            yield from paths_below(directory, path + "/")
        else:
            yield path
