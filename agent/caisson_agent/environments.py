"""Values of the environment that programs run in. They are secrets: they lie in files of our own user alone, and no answer, journal or log has them."""
import os
import re

from .files import (
    exchange,
    read_bytes,
    read_link,
    remove_tree,
    sync_filesystem,
    sync_path,
    tried,
    write_new,
)
from .values import PACKAGE, Refused, checked, random_word
from .workers import fault

SETS = ".env"  # one directory for each set of values
IN_FORCE = "env"  # a link to one of them
WAITING = ".env-next"  # a link to the one that the next switch brings into force, or to the one that a switch took out of it
KEY = ".key"
SET = r"\d+-[0-9a-f]{12}\Z"  # a set's name: nothing else in that directory is ours
ASSIGNMENT = re.compile(br"([A-Za-z_][A-Za-z0-9_]*)=\"((?:[^\"\\$`\0]|\\[\"\\$`])*)\"\n")
LONGEST = 1 << 22  # bytes of all values together
SHORTEST_SECRET = 4  # bytes; shorter values are in every text

class IncomingValues:
    """The bytes of an environment on their way in: kept in memory and nowhere else."""

    def __init__(self, request, refused):
        self.request = request
        self.missing = request["size"]
        self.refused = refused or (Refused("name-invalid", "an environment of %d bytes is none" % self.missing) if self.missing > LONGEST else None)
        self.data = bytearray()

    def take(self, view):
        """Returns the bytes behind them."""
        mine, rest = view[:self.missing], view[self.missing:]
        self.missing -= len(mine)
        if self.refused is None:
            self.data += mine
        return rest

    def finish(self):
        """The request with its bytes, which now waits for its turn."""
        if self.refused is not None:
            raise self.refused
        return dict(self.request, values=bytes(self.data))

def step_environment(root, request):
    """Lay down values for the next switch. Until then, and if it is taken back, those before them stay in force."""
    data, packages = request.get("values", b""), [checked(name, PACKAGE, "package name") for name in request["packages"]]
    parse_values(data)
    if in_force_already(root, packages, data):
        return False, None
    for place, is_ours in ((root.at(IN_FORCE), os.path.islink), (root.at(SETS), os.path.isdir)):
        if os.path.lexists(place) and not is_ours(place):
            raise Refused("host-unfit", "`%s` is none of Caisson's; move it away, or choose another root" % place)
    if os.path.lexists(root.at(WAITING)):
        os.unlink(root.at(WAITING))
    os.makedirs(root.at(SETS), 0o700, exist_ok=True)
    name = "%d-%s" % (root.generation, random_word())
    new = root.at(SETS, ".new-" + name)
    try:
        os.mkdir(new, 0o700)
        write_new(os.path.join(new, KEY), [os.urandom(32)], 0o600)
        for package in packages if data else []:
            write_new(os.path.join(new, package), [data], 0o600)
        fault("environment", "middle")
        sync_filesystem(new)
        os.rename(new, root.at(SETS, name))
        sync_path(root.at(SETS))
    except Exception:
        tried(remove_tree, new)
        raise
    os.symlink("%s/%s" % (SETS, name), root.at(WAITING))
    return True, None

def parse_values(data):
    """The variables of a file as we write it; whatever else somebody sends is refused, and not repeated."""
    pairs, at = {}, 0
    for found in ASSIGNMENT.finditer(data):
        if found.start() != at:
            break
        pairs[os.fsdecode(found.group(1))] = os.fsdecode(re.sub(br"\\(.)", br"\1", found.group(2)))
        at = found.end()
    if at != len(data):
        raise Refused("name-invalid", "the environment that was sent is not made of assignments in double quotes")
    return pairs

def values_of(root, package=None, upcoming=False):
    """The variables in force for a package; for None those of all. `upcoming`: those that the next switch brings into force, where it brings any."""
    place = WAITING if upcoming and os.path.lexists(root.at(WAITING)) else IN_FORCE
    names = [package] if package is not None else packages_of(root)
    pairs = {}
    for name in names:
        pairs.update(parse_values(tried(read_bytes, root.at(place, name), b"")))
    return pairs

def packages_of(root):
    return sorted(name for name in tried(os.listdir, root.at(IN_FORCE), []) if re.match(PACKAGE, name))

def environment_facts(root):
    """What a controller may know of the values in force: a digest that says nothing without the host's own key, and whose they are."""
    import hashlib
    import hmac
    key, packages = tried(read_bytes, root.at(IN_FORCE, KEY)), packages_of(root)
    if key is None:
        return None
    data = read_bytes(root.at(IN_FORCE, packages[0])) if packages else b""
    return {"key": "".join("%02x" % byte for byte in key), "digest": hmac.new(key, data, hashlib.sha256).hexdigest(), "packages": packages}

def in_force_already(root, packages, data):
    return packages_of(root) == sorted(packages if data else []) and all(tried(read_bytes, root.at(IN_FORCE, package)) == data for package in packages_of(root)) and (bool(data) or not os.path.lexists(root.at(IN_FORCE)))

# The switch
def waiting_environment(root):
    """What the next switch does to the values in force, for the journal; None where it leaves them as they are."""
    wanted = read_link(root.at(WAITING))
    return None if wanted is None else {"from": read_link(root.at(IN_FORCE)), "to": wanted}

def turn_environment(root, wanted):
    """Bring a set of values into force, or none. The link that led to the other one stays as WAITING, so that the way back needs no free inode."""
    link, spare = root.at(IN_FORCE), root.at(WAITING)
    if read_link(link) == wanted:
        return
    if wanted is None:
        os.rename(link, spare)
    else:
        if read_link(spare) != wanted:
            tried(os.unlink, spare)
            os.symlink(wanted, spare)
        if not os.path.lexists(link) or not exchange(spare, link):
            os.rename(spare, link)
    sync_path(root.path)

def sweep_environments(root):
    """Remove every set that is not in force."""
    link = read_link(root.at(IN_FORCE))
    tried(os.unlink, root.at(WAITING))
    for name in root.names(SETS, SET):
        if "%s/%s" % (SETS, name) != link:
            remove_tree(root.at(SETS, name))

# What must not be seen
def secrets_of(root):
    """Every spelling in which one of the values in force, or of those that wait, may turn up in what a program prints; the longest first."""
    found = set()
    for directory in (IN_FORCE, WAITING):
        for name in tried(os.listdir, root.at(directory), []):
            data = tried(read_bytes, root.at(directory, name), b"") if re.match(PACKAGE, name) else b""
            for value in parse_values(data).values():
                found.update(spellings(os.fsencode(value)))
    return sorted((spelling for spelling in found if len(spelling) >= SHORTEST_SECRET), key=lambda spelling: (-len(spelling), spelling))

def spellings(value):
    """A value as it is, each of its lines, and as JSON, addresses and base64 spell it."""
    import base64
    import json
    from urllib.parse import quote
    text = value.decode("utf-8", "replace")
    words = [text, quote(text), quote(text, safe=""), json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]]
    return [value] + [line.strip() for line in value.splitlines()] + [word.encode("utf-8") for word in words] + [base64.b64encode(value)]

def without_secrets(root, text):
    """What programs said, as it may be repeated."""
    return redacted(text.encode("utf-8", "replace"), secrets_of(root)).decode("utf-8", "replace")

def redacted(output, secrets):
    """What a program printed, without the values of its environment, and without the beginning of one at its very end."""
    for secret in secrets:
        output = output.replace(secret, b"***")
    for secret in secrets:
        for length in range(min(len(secret) - 1, len(output)), SHORTEST_SECRET - 1, -1):
            if output.endswith(secret[:length]):
                return output[:-length] + b"***"
    return output
