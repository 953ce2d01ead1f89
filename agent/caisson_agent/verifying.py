"""Every byte of every release, read again and held against the documents of its trees; modes and owners too."""
import os
import stat

from .files import hash_of, read_json, read_link, tried
from .likeness import record_of
from .parts import Part
from .preflight import name_of
from .trees import mode_of, read_tree
from .values import Refused, digest_hex, native, portable

SEALED, OPEN = 0o555, 0o755  # modes of directories: those of trees, and those of releases


def step_verify(root, request):
    """Read every file of every release again: those of its trees, and what a release has of its own. `releases`: say also what those are made of."""
    root.check()
    problems, files, manifests = [], 0, root.manifests()
    for tree in sorted({digest_hex(tree) for _, manifest in manifests for tree in manifest["trees"]}):
        found, count = verify_tree(root, tree)
        problems += moved("trees/" + tree, found)
        files += count
    contents = Contents(root)
    for label, manifest in manifests:
        top = root.at("versions", label)
        found = [("/" + path, "missing") for path in paths_below(top) if not os.path.exists(os.path.join(top, path))] + folder_damage(top, ["", "/bin"])
        for payload in manifest["payloads"]:
            wrong, count = verify_part(root, label, payload, contents)
            found += wrong
            files += count
        problems += moved("versions/" + label, found)
    facts = {"files": files, "problems": [dict(zip(("path", "problem", "detail"), (portable(each[0]),) + each[1:])) for each in sorted(set(problems))]}
    if request.get("releases"):
        facts["releases"] = [{"label": label, "name": manifest["name"], "stack": manifest["stack"], "payloads": [{key: payload[key] for key in ("package", "version", "payload")} for payload in manifest["payloads"]]} for label, manifest in manifests]
    return False, facts

def moved(top, problems):
    """The same problems, their paths below `top`."""
    return [(top + each[0],) + each[1:] for each in problems]

def verify_tree(root, name):
    """What is wrong with which paths of a tree, and how many it has. Bytecode is nobody's content, but what was recorded of it must be so."""
    top = root.at("trees", name)
    try:
        entries = read_tree(top + ".json", "sha256:" + name)
    except (OSError, ValueError, KeyError, Refused):
        return [(".json", "bad")], 0
    return damage_below(top, entries), len(entries)

def damage_below(top, entries):
    """What is wrong with which paths of a tree that should have these entries: `bad`, `missing`, `strange`, or a `mode` or `owner`, with what it is and should be."""
    there, recorded = dict(found_below(top)), tried(read_json, record_of(top), {})
    compiled = {path: bytecode_entry(recorded[path]) for path in recorded}
    wanted = {native(entry["path"]): entry for entry in entries}
    wanted.update((native(path), compiled[path]) for path in compiled)
    folders = [path for path in there if stat.S_ISDIR(there[path].st_mode) and path not in wanted]
    problems = [("/" + path, "strange") for path in set(there) - set(wanted) - set(folders) if "/__pycache__/" not in path]
    problems += folder_damage(top, [""] + ["/" + path for path in folders], SEALED)
    owner = owner_beside(top)
    for path, entry in wanted.items():
        wrong = damage_of(os.path.join(top, path), entry, mode_of(entry), owner, there.get(path))
        problems += [("/" + path,) + wrong] if wrong else []
    return problems

def damage_of(path, entry, mode, owner, found):
    """How what was `found` at a path differs from its entry, in an answer's words; nothing where it does not."""
    if found is None:
        return ("missing",)
    return other_access(found, mode, owner) if is_intact(path, entry, found) else ("bad",)

def is_intact(path, entry, found):
    if entry["kind"] == "link":
        return read_link(path) == native(entry["target"])
    if entry["kind"] == "directory":
        return stat.S_ISDIR(found.st_mode)
    return stat.S_ISREG(found.st_mode) and tried(hash_of, path) == digest_hex(entry["digest"])

def folder_damage(top, folders, mode=OPEN):
    """Directories below `top` that others may enter, or write to, than when they were made. What is missing is told of what should lie there."""
    found = [(folder, tried(os.lstat, top + folder)) for folder in folders]
    wrong = [(folder, other_access(facts, mode, owner_beside(top))) for folder, facts in found if facts is not None and stat.S_ISDIR(facts.st_mode)]
    return [(folder,) + words for folder, words in wrong if words]

def other_access(found, mode, owner):
    """Another owner or mode than it was made with. Links have no mode; a directory may have got its group from the one above."""
    is_mode = stat.S_IMODE(found.st_mode) & ~(stat.S_ISGID if stat.S_ISDIR(found.st_mode) else 0)
    if found.st_uid != owner:
        return "owner", "`%s` instead of `%s`" % (name_of(found.st_uid), name_of(owner))
    return ("mode", "%04o instead of %04o" % (is_mode, mode)) if is_mode != mode and not stat.S_ISLNK(found.st_mode) else ()

def owner_beside(path):
    """Who makes trees and releases: the directory that they lie in is his."""
    return os.stat(os.path.dirname(path)).st_uid

def bytecode_entry(digits):
    return {"kind": "file", "digest": "sha256:" + digits, "mode": 0o444, "bytecode": True}

def verify_part(root, label, payload, contents):
    """The same of a package's part of a release: its links lead where they should, and files of its own are those of its trees. What programs have added to those may be there: that is what such files are for."""
    document, name = root.at("versions", label, payload["package"] + ".json"), "/" + payload["package"]
    if not os.path.isfile(document):
        return [], 0  # an older agent kept none
    if tried(hash_of, document) != digest_hex(payload["payload"]):
        return [(name + ".json", "bad")], 0
    top = root.at("versions", label)
    part = Part(read_json(document), top + name, root.at("trees"), "../../../trees")
    problems, files, folders, owner = [], 0, {name}, owner_beside(top)
    for path, entry, mode, source in placed_files(part, contents):
        path = "%s/%s" % (name, native(path))
        folders.update(path[:at] for at in range(len(name), len(path)) if path[at] == "/")
        # A second name of a tree's file is that file.
        if source is None or not is_same(top + path, source):
            files += entry["kind"] == "file"
            found = tried(os.lstat, top + path)
            wrong = damage_of(top + path, entry, mode, owner, found) if found is not None or "bytecode" not in entry else ()
            problems += [(path,) + wrong] if wrong else []
    return problems + folder_damage(top, sorted(folders)), files

def placed_files(part, contents):
    """Path, entry, mode and source of each file, link and directory of a part. Bytecode may be missing."""
    for link in part.payload["links"]:
        if link["how"] == "directory":
            yield link["path"], {"kind": "directory"}, OPEN, None
        elif link["how"] == "symlink":
            yield link["path"], {"kind": "link", "target": portable(part.from_depth(link["path"].count("/"), link["tree"], link["to"]))}, None, None
        elif "tree" in link:
            own = stat.S_IWUSR if link["how"] == "copy" else 0
            for below, entry in contents.below(link["tree"], link["to"]):
                yield link["path"] + below, entry, mode_of(entry) | (OPEN if entry["kind"] == "directory" else own), part.tree_path(link["tree"], link["to"] + below)
            for file, entry in contents.bytecode(link["tree"], link["to"]):
                path, source = [os.path.join(os.path.dirname(module), "__pycache__", file) for module in (link["path"], link["to"])]
                yield path, entry, mode_of(entry), part.tree_path(link["tree"], source)

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
            compiled = {path: bytecode_entry(recorded[path]) for path in recorded}
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

def found_below(directory, prefix=""):
    """Everything below a directory by its relative path, as lstat tells it."""
    for name in tried(os.listdir, os.path.join(directory, prefix), []):
        path = prefix + name
        found = os.lstat(os.path.join(directory, path))
        yield path, found
        if stat.S_ISDIR(found.st_mode):
            yield from found_below(directory, path + "/")

def paths_below(directory):
    """Every file and link below, relative; directories only by what lies in them."""
    return [path for path, found in found_below(directory) if not stat.S_ISDIR(found.st_mode)]
