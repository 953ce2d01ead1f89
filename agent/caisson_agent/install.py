"""A bundle put at one place by hand."""
import os
import select
import sys

from .files import read_json, remove_tree, sync_filesystem, sync_path
from .interpreters import ask_program, check_machine, describe_interpreter
from .parts import Part, choose_interpreter
from .trees import Blobs, make_tree, read_tree
from .values import (
    CORES,
    Refused,
    checked,
    digest_hex,
    explained,
    minor_of,
    native,
    random_word,
)
from .workers import Worker


def install(words):
    """`install BUNDLE DST [--python NAME] [--no-bytecode]`: returns the exit status. What fails leaves nothing."""
    bundle, target = os.path.abspath(words[0]), os.path.abspath(words[1])
    name = words[words.index("--python") + 1] if "--python" in words else "python3"
    new = os.path.join(os.path.dirname(target), ".new-%s-%s" % (os.path.basename(target), random_word()))
    line = None
    try:
        for line in install_bundle(os.path.join(bundle, "data"), target, new, name, "--no-bytecode" not in words):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        return 0
    except (Exception, KeyboardInterrupt) as error:
        if os.path.lexists(new):
            remove_tree(new)
        detail = "stopped" if isinstance(error, KeyboardInterrupt) else explained(error).detail
        sys.stderr.write("Error: %s%s\n" % (line + " failed: " if line else "", detail))
        return 1

def install_bundle(data, target, new, name, bytecode):
    """The bundle's part, made beside `target` and renamed; its trees lie in it, so that it can be moved and removed as a whole. Yields what it does next."""
    payload = read_json(data + "/payload.json")
    wheels = {digest_hex(wheel["wheel"]["digest"]): "wheels/" + checked(wheel["fileName"], r"[^/]+\Z", "file name") for wheel in payload["distributions"]}
    blobs = Blobs(lambda hex_digits: "%s/%s" % (data, native(wheels.get(hex_digits, "blobs/" + hex_digits))))
    part = Part(payload, new, os.path.join(new, ".trees"), ".trees")
    own = describe_interpreter()
    if os.path.lexists(target) and (not os.path.isdir(target) or os.listdir(target)):
        raise Refused("host-unfit", "`%s` is there already and not an empty directory" % target)
    brought = payload["interpreter"] if (payload.get("interpreter") or {}).get("from") == "tree" else None
    interpreter = choose_interpreter(part, lambda _: (own, "`%s`" % name), "this bundle") if brought is None else None
    yield "Setting up virtualenv"
    os.makedirs(part.trees)
    def make(tree, python):
        make_tree(read_tree("%s/trees/%s.json" % (data, digest_hex(tree)), tree), blobs, part.tree_path(tree), python)
        return True, None
    if brought is not None:
        check_machine(payload["platform"], "this bundle")
        make(brought["tree"], part.tree_path(brought["tree"], brought["executable"]) if bytecode else None)
        link, home, version = choose_interpreter(part, None, "this bundle")
        # pyvenv.cfg names the place where it will lie, under the name that it will have.
        interpreter = link, os.path.join(os.path.realpath(os.path.dirname(target)), os.path.basename(target), os.path.relpath(home, os.path.realpath(new))), version
    yield "Installing %s-%s" % (payload["written"], payload["version"])
    compiler = part.tree_path(brought["tree"], brought["executable"]) if brought is not None else own["path"] if interpreter is not None and minor_of(interpreter[2]) == minor_of(own["version"]) else None
    others = [tree for tree in payload["trees"] if brought is None or tree["id"] != brought["tree"]]
    side_by_side([lambda tree=tree["id"]: make(tree, compiler if bytecode else None) for tree in sorted(others, key=lambda tree: tree["document"]["size"])])
    part.make(interpreter)
    yield "Verifying install"
    if interpreter is not None:
        verify_install(part)
    sync_filesystem(new)
    os.rename(new, target)
    sync_path(os.path.dirname(target))
    yield "Done."

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
