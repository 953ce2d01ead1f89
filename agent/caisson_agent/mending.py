"""What is here and damaged, made as new: whole beside it first, then put in its place. What somebody has written there is kept in `lost/`."""
import os
import stat

from .files import (
    exchange,
    hash_of,
    read_link,
    remove_tree,
    sync_filesystem,
    sync_path,
    tried,
)
from .links import link_or_copy
from .values import digest_hex, random_word
from .verifying import damage_below, paths_below, verify_tree


def is_damaged(root, tree, entries):
    """Whether a tree is not what its document says. Files that were changed get a second name in `lost/`."""
    name = digest_hex(tree)
    problems, _ = verify_tree(root, name)
    if os.path.isdir(root.at("trees", name)):
        for path, problem, *_ in damage_below(root.at("trees", name), entries):
            if problem == "bad" and "/__pycache__/" not in path:
                keep_lost(root, root.at("trees", name + path))
    return bool(problems) or os.path.lexists(root.at("trees", name + ".damaged"))

def replace_tree(root, new, final):
    """A tree whose other files have their names already takes the place of the one that is there, in one step where the kernel can; whoever reads sees the one or the other."""
    for path in sorted(set(paths_below(final)) - set(paths_below(new))):
        if "/__pycache__/" not in "/" + path:
            keep_lost(root, os.path.join(final, path))
    old = root.at("trees", ".trash-" + random_word())
    if not os.path.lexists(final):
        os.rename(new, final)
    elif exchange(new, final):
        old = new
    else:
        os.rename(final, old)
        os.rename(new, final)
    tried(os.unlink, final + ".damaged")
    sync_path(root.at("trees"))
    root.note("repaired", None, None, detail="trees/" + os.path.basename(final))
    if os.path.lexists(old):
        remove_tree(old)

def mend_release(root, label, new):
    """What a release lacks or has otherwise than `new`, taken from there, each in one step; what programs have added stays. Returns whether there was such a thing."""
    sync_filesystem(new)
    mended = mend_below(root, new, root.at("versions", label))
    if mended > 0:
        sync_filesystem(root.at("versions", label))
        root.note("repaired", None, label, detail="%d of its files and links" % mended)
    remove_tree(new)
    return mended > 0

def mend_below(root, new, final):
    """How many names were put into their place, or given the mode and the owner that they should have."""
    count = give_access(new, final)
    for name in sorted(os.listdir(new)):
        fresh, old = os.path.join(new, name), os.path.join(final, name)
        if is_folder(fresh) and is_folder(old):
            count += mend_below(root, fresh, old)
            continue
        alike = is_alike(fresh, old)
        # A file that is a tree's under a second name is to be so again, though its bytes are right.
        if alike and access_of(fresh) == access_of(old) and (os.path.islink(fresh) or os.lstat(fresh).st_nlink == 1 or os.path.samefile(fresh, old)):
            continue
        if not alike and os.path.lexists(old) and "/__pycache__/" not in old:
            keep_lost(root, old)
        if os.path.lexists(old) and (is_folder(fresh) or is_folder(old)):
            os.rename(old, root.at("versions", ".trash-" + random_word()))
        os.rename(fresh, old)
        count += 1
    return count

def give_access(fresh, old):
    """Mode and owner of a directory from another one. Returns whether it had others."""
    mode, owner = access_of(fresh)
    if access_of(old) == (mode, owner):
        return False
    if os.lstat(old).st_uid != owner:
        os.chown(old, owner, -1)
    os.chmod(old, stat.S_IMODE(mode))
    return True

def access_of(path):
    found = os.lstat(path)
    return found.st_mode, found.st_uid

def is_folder(path):
    return os.path.isdir(path) and not os.path.islink(path)

def is_alike(one, other):
    """Whether two names that are no directories both are links to the same, or files of the same bytes."""
    found = tried(os.lstat, one), tried(os.lstat, other)
    if None in found or stat.S_IFMT(found[0].st_mode) != stat.S_IFMT(found[1].st_mode):
        return False
    if stat.S_ISLNK(found[0].st_mode):
        return read_link(one) == read_link(other)
    return stat.S_ISREG(found[0].st_mode) and (os.path.samestat(*found) or tried(hash_of, one) == tried(hash_of, other))

def keep_lost(root, path):
    """A second name for what somebody has written where only releases should lie, in `lost/` of the root: it may be data."""
    target = root.at("lost", str(root.generation), os.path.relpath(path, root.path))
    if os.path.lexists(path) and not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        link_or_copy(path, target)
