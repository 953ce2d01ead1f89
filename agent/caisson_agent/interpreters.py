"""Which Pythons a machine has, what it is, and what can run on it."""
import glob
import json
import os
import re
import subprocess
import sys

from .files import read_bytes, tried
from .trees import own_source
from .values import Refused, checked, minor_of


def describe_interpreter():
    """What the running interpreter is; `path` is the interpreter proper, behind virtual environments and version managers."""
    import _imp
    import os
    import sys
    # What sysconfig has read a file of a thousand lines to say: the middle of `.cpython-311-x86_64-linux-gnu.so`.
    suffix = _imp.extension_suffixes()[0].split(".")
    return {
        "path": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
        "implementation": sys.implementation.name,
        "version": "%d.%d.%d" % sys.version_info[:3],
        "soabi": suffix[1] if len(suffix) == 3 else None,
    }

def ask_program(words, function):
    """What one of our functions returns in another interpreter; None where that is none, or a version manager's script with nothing behind it."""
    program = "import json\n" + own_source(function) + "print(json.dumps(%s()))" % function
    try:
        process = subprocess.Popen(words + ["-I", "-c", program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return json.loads(process.communicate(timeout=30)[0].decode("utf-8"))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None

def find_interpreter(minor):
    """The CPython of this minor on this host: our own, or what `pythonX.Y` on PATH turns out to be. None where there is none."""
    own = describe_interpreter()
    return own if minor_of(own["version"]) == minor else ask_program(["python" + checked(minor, r"3\.\d+\Z", "version of Python")], "describe_interpreter")

def check_interpreter(wanted, found, name, subject):
    """Refuse an interpreter on which a release cannot run; `found` is None where there is none."""
    trouble = None
    if found is None:
        trouble = ", and there is no %s here" % name
    elif found["implementation"] != "cpython":
        trouble = ", %s is %s" % (name, found["implementation"])
    elif minor_of(found["version"]) != wanted["version"]:
        trouble = ", %s is %s" % (name, minor_of(found["version"]))
    elif wanted.get("soabi") not in (None, found["soabi"]):
        trouble = " with the ABI %s, and that of %s is %s" % (wanted["soabi"], name, found["soabi"])
    if trouble is not None:
        raise Refused("interpreter-unfit", "%s needs CPython %s%s" % (subject, wanted["version"], trouble))

def check_machine(platform, subject):
    """Refuse a platform whose programs cannot run here."""
    def numbers(version):
        return [int(number) for number in re.findall(r"\d+", version)]
    wanted, found, arch = platform["libc"], libc_facts(), os.uname().machine
    if platform["arch"] != arch:
        raise Refused("host-unfit", "%s is for %s, and this machine is %s" % (subject, platform["arch"], arch))
    if wanted["family"] != found["family"] or (found["version"] and numbers(found["version"]) < numbers(wanted["version"])):
        raise Refused("host-unfit", "%s is for %s (%s %s or newer), and this machine has %s %s" % (subject, platform["label"], wanted["family"], wanted["version"], found["family"], found["version"]))

def libc_facts():
    words = (tried(os.confstr, "CS_GNU_LIBC_VERSION") or "").split()
    if len(words) == 2:
        return {"family": "glibc", "version": words[1]}
    loaders = glob.glob("/lib/ld-musl-*.so.1")
    said = subprocess.Popen(loaders[:1], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).communicate()[1] if loaders else b""
    version = re.search(br"Version (\S+)", said)
    return {"family": "musl", "version": version.group(1).decode("ascii") if version else ""}

def os_facts():
    """ID and VERSION_ID of os-release."""
    text = tried(read_bytes, "/etc/os-release") or tried(read_bytes, "/usr/lib/os-release", b"")
    pairs = dict(re.findall(r"^(ID|VERSION_ID)=[\"']?(.*?)[\"']?$", text.decode("utf-8", "replace"), re.MULTILINE))
    return {"id": pairs.get("ID", "linux"), "release": pairs.get("VERSION_ID", "")}

def python_facts():
    """CPython minors on PATH with the path of each: our own, and ELF programs named for their minor. A version manager's scripts take a tenth of a second each, and are asked when one is needed."""
    own = describe_interpreter()
    found = {minor_of(own["version"]): own["path"]}
    for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
        for minor in ["3.%d" % number for number in range(6, 30)]:
            path = os.path.join(directory, "python" + minor)
            if minor not in found and os.access(path, os.X_OK) and tried(starts_as_elf, path):
                found[minor] = os.path.realpath(path)
    return found

def starts_as_elf(path):
    with open(path, "rb", buffering=0) as file:
        return file.read(4) == b"\x7fELF"

def host_facts(root):
    place = root
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    room = os.statvfs(place)
    return {
        "os": os_facts(), "arch": os.uname().machine, "libc": libc_facts(),
        "python": "%d.%d.%d" % sys.version_info[:3], "pythons": python_facts(),
        "freeBytes": room.f_bavail * room.f_frsize, "freeInodes": room.f_favail,
        "privileges": "root" if os.geteuid() == 0 else "user",
    }
