"""A bundle put at one place by hand."""
import os
import select
import signal
import subprocess
import sys

from .files import hash_of, read_json, tried
from .interpreters import ask_program, check_machine, describe_interpreter
from .parts import Part, choose_interpreter
from .places import Place
from .trees import Blobs, make_tree, read_tree
from .values import (
    CORES,
    Refused,
    checked,
    checked_path,
    digest_hex,
    explained,
    minor_of,
    native,
)
from .workers import Worker


def install(words):
    """`install BUNDLE DST [--python NAME] [--no-bytecode]`: returns the exit status. What fails, or is stopped by a signal, leaves nothing."""
    bundle, name = os.path.abspath(words[0]), words[words.index("--python") + 1] if "--python" in words else "python3"
    place = line = None
    for number in (0, 1, 2):
        if tried(os.fstat, number) is None:
            os.open(os.devnull, os.O_RDWR)  # a number that is free would be the next file's
    try:
        obey_signals()
        place = Place(words[1])
        for line in install_bundle(bundle, place, name, "--no-bytecode" not in words):
            tell(line)
        return 0
    except (Exception, KeyboardInterrupt) as error:
        ignore_signals()
        if place is not None:
            place.give_back()
        detail = "stopped" if isinstance(error, KeyboardInterrupt) else explained(error).detail
        sys.stderr.write("Error: %s%s\n" % (line + " failed: " if line else "", detail))
        return 1

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

def obey_signals():
    """All of them as Ctrl-C; one that we were started to ignore stays ignored."""
    def stop(number, frame):
        raise KeyboardInterrupt
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)

def ignore_signals():
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)

def tell(line):
    """Whoever stopped reading what we print has not stopped the install."""
    tried(lambda text: os.write(1, text), (line + "\n").encode("utf-8"))

def install_bundle(bundle, place, name, bytecode):
    """The bundle's part, made beside its place and renamed; its trees lie in it, so that it can be moved and removed as a whole. Yields what it does next."""
    data = os.path.join(bundle, "data")
    payload = tried(read_json, data + "/payload.json")
    if payload is None:
        raise Refused("bundle-invalid", "`data/payload.json` is %s" % ("damaged" if os.path.isfile(data + "/payload.json") else "not there"))
    wheels = {digest_hex(wheel["wheel"]["digest"]): "wheels/" + checked(wheel["fileName"], r"[^/]+\Z", "file name") for wheel in payload["distributions"]}
    blobs = Blobs(lambda hex_digits: "%s/%s" % (data, native(wheels.get(hex_digits, "blobs/" + hex_digits))))
    part = Part(payload, place.new, os.path.join(place.new, ".trees"), ".trees")
    own = describe_interpreter()
    brought = payload["interpreter"] if (payload.get("interpreter") or {}).get("from") == "tree" else None
    interpreter = choose_interpreter(part, lambda _: (own, "`%s`" % name), "this bundle") if brought is None else None
    lines = check_additions(data, payload.get("additions") or {})
    yield "Setting up virtualenv"
    place.begin()
    os.mkdir(part.trees)
    def make(tree, python):
        make_tree(read_tree("%s/trees/%s.json" % (data, digest_hex(tree)), tree), blobs, part.tree_path(tree), python)
        return True, None
    if brought is not None:
        check_machine(payload["platform"], "this bundle")
        make(brought["tree"], part.tree_path(brought["tree"], brought["executable"]) if bytecode else None)
        link, home, version = choose_interpreter(part, None, "this bundle")
        # pyvenv.cfg names the place where it will lie, under the name that it will have.
        interpreter = link, os.path.join(os.path.realpath(place.parent), place.name, os.path.relpath(home, os.path.realpath(place.new))), version
    yield "Installing %s-%s" % (payload["written"], payload["version"])
    compiler = part.tree_path(brought["tree"], brought["executable"]) if brought is not None else own["path"] if interpreter is not None and minor_of(interpreter[2]) == minor_of(own["version"]) else None
    others = [tree for tree in payload["trees"] if brought is None or tree["id"] != brought["tree"]]
    side_by_side([lambda tree=tree["id"]: make(tree, compiler if bytecode else None) for tree in sorted(others, key=lambda tree: tree["document"]["size"])])
    part.make(interpreter)
    yield "Verifying install"
    if interpreter is not None:
        verify_install(part)
    place.take()
    if lines is not None:
        yield "Running install lines"
        run_lines(lines, {"HERE": bundle, "DATA_DIR": data, "VIRTUAL_ENV": place.target})
    ignore_signals()
    yield "Done."

def check_additions(data, additions):
    """What build scripts left in the bundle is what they left; returns the file of lines to be run, if there is one."""
    lines = os.path.join(data, "install-lines.sh") if "lines" in additions else None
    wanted = [(lines, additions["lines"]["digest"])] if lines is not None else []
    if "files" in additions:
        tree = additions["files"]["tree"]["id"]
        entries = read_tree("%s/trees/%s.json" % (data, digest_hex(tree)), tree)
        wanted += [(os.path.join(data, checked_path(entry["path"])[len("root/"):]), entry["digest"]) for entry in entries]
    for path, digest in wanted:
        if hash_of(path) != digest_hex(digest):
            raise Refused("bundle-invalid", "`%s` is not what it was when this bundle was built" % os.path.relpath(path, os.path.dirname(data)))
    return lines

def run_lines(lines, variables):
    """Lines of sh that a build script wrote, in the place that is being made; the first that fails ends it, and so does a signal."""
    path = os.path.join(variables["VIRTUAL_ENV"], "bin") + os.pathsep + os.environ.get("PATH", os.defpath)
    process = subprocess.Popen(["/bin/sh", "-e", lines], cwd=variables["HERE"], env=dict(os.environ, PATH=path, **variables), stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        status = process.wait()
    except BaseException:
        tried(lambda group: os.killpg(group, signal.SIGKILL), process.pid)
        process.wait()
        raise
    if status != 0:
        raise Refused("process-failed", "`data/install-lines.sh` ended with %s" % (status if status > 0 else "signal %d" % -status))

def side_by_side(jobs):
    """Do all jobs, the last ones first, as many at once as there are cores. The first that fails ends it."""
    workers = {}
    try:
        while jobs or workers:
            while jobs and len(workers) < CORES:
                worker = Worker(jobs.pop(), None)
                workers[worker.output] = worker
            for descriptor in select.select(list(workers), [], [])[0]:
                outcome = workers[descriptor].outcome()
                if outcome is not None:
                    del workers[descriptor]
                if outcome is not None and not outcome["ok"]:
                    raise Refused(outcome["code"], outcome["detail"])
    finally:
        for worker in workers.values():
            worker.kill()

def verify_install(part):
    """The environment's own Python must start, be that environment, and find every distribution. What they need of each other was checked when the bundle was built."""
    answer = ask_program([os.path.join(part.directory, "bin", "python")], "describe_environment")
    if answer is None or not os.path.samefile(answer["prefix"], part.directory):
        raise Refused("interpreter-unfit", "`bin/python` does not start as an environment of its own")
    missing = sorted({wanted["name"] for wanted in part.payload["distributions"]} - set(answer["distributions"]))
    if missing:
        raise Refused("requirements-broken", "the environment does not find %s" % ", ".join("`%s`" % name for name in missing))

def describe_environment():
    """Where the running environment is, and the names of the distributions that it finds."""
    import os
    import re
    import sys
    names = [re.split("-", name)[0] for place in sys.path if os.path.isdir(place) for name in os.listdir(place) if os.path.isfile(os.path.join(place, name, "METADATA"))]
    return {"prefix": sys.prefix, "distributions": [re.sub("[-_.]+", "-", name).lower() for name in names]}
