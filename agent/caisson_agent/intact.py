"""Whether trees are as they were made: their names, sizes and times against what was noted then. What is written into one is seen before anything runs from it."""
import os

from .files import hash_of, read_bytes, read_link, tried, write_new
from .trees import read_tree
from .values import Refused, digest_hex, native, portable, quoted, random_word


def note_of(tree):
    """The file beside a tree that says what it was like when it was made."""
    return tree + ".made"

def write_note(tree):
    write_new(note_of(tree), [described(tree)], 0o444)

def described(tree):
    """A line for each file and link of a tree, sorted by directory and name: size, time of its last change in nanoseconds, path. Bytecode is nobody's content."""
    lines = []
    describe_below(tree, "", lines)
    return os.fsencode("".join(lines))

def describe_below(place, prefix, lines):
    with os.scandir(place) as found:  # novm
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                describe_below(entry.path, "%s%s/" % (prefix, entry.name), lines)
        else:
            facts = entry.stat(follow_symlinks=False)
            lines.append("%d %d %s%s\0" % (facts.st_size, facts.st_mtime_ns, prefix, entry.name))

def compare_trees(root, trees):
    """Refuse trees that something has written into. Nothing is hashed but what looks changed."""
    for tree in trees:
        top = root.at("trees", digest_hex(tree))
        now, noted = described(top), tried(read_bytes, note_of(top))
        if now != noted:
            changed = changes_of(top, tree, now, noted)
            if changed is not None:
                raise Refused("tree-changed", "`%s` %s" % (portable(os.path.join(top, changed[0])), changed[1]), take_away(root, top, tree))
            tried(renew_note, top)

def changes_of(top, tree, now, noted):
    """The first path that is not as its tree's document says, and how it is not; None where all looks different and is the same, as after a copy."""
    entries = {native(entry["path"]): entry for entry in read_tree(top + ".json", tree) if entry["kind"] != "directory"}
    seen, known = sizes_of(now), set((noted or b"").split(b"\0"))
    suspicious = {path for path in seen if seen[path] not in known}
    for path in sorted(set(seen) - set(entries)):
        return path, "was written into an installed package"
    for path in sorted(set(entries) - set(seen)):
        return path, "was removed from an installed package"
    for path in sorted(suspicious):
        entry = entries[path]
        same = read_link(os.path.join(top, path)) == native(entry["target"]) if entry["kind"] == "link" else tried(hash_of, os.path.join(top, path)) == digest_hex(entry["digest"])
        if not same:
            return path, "of an installed package was changed"
    return None

def take_away(root, top, tree):
    """The command that takes everything out of a tree that was written into it, to `lost/` of the root: it may be somebody's data. None where nothing was."""
    entries = [native(entry["path"]) for entry in read_tree(top + ".json", tree)]
    folders = {""}.union(path[:at] for path in entries for at in range(len(path)) if path[at] == "/")
    strange = set()
    for path in set(sizes_of(described(top))) - set(entries):
        # A directory that was made there goes as a whole.
        parts = path.split("/")
        strange.add(next("/".join(parts[:count]) for count in range(1, len(parts) + 1) if "/".join(parts[:count]) not in folders))
    places = sorted({os.path.dirname(path) for path in strange})
    commands = []
    for place in places:
        mine = " ".join(quoted(portable(os.path.join(top, path))) for path in sorted(strange) if os.path.dirname(path) == place)
        folder = quoted(portable(os.path.join(top, place) if place else top))
        commands.append("chmod u+w %s && mv -n %s %s && chmod u-w %s" % (folder, mine, quoted(portable(root.at("lost"))), folder))
    return " && ".join(["mkdir -p " + quoted(portable(root.at("lost")))] + commands) if commands else None

def sizes_of(lines):
    """The lines of a description by their paths."""
    return {os.fsdecode(line.split(b" ", 2)[2]): line for line in lines.split(b"\0") if line}

def renew_note(tree):
    new = os.path.join(os.path.dirname(tree), ".new-" + random_word())
    write_new(new, [described(tree)], 0o444)
    os.rename(new, note_of(tree))
