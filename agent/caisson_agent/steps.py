"""Steps that make a release and switch to it; each takes the root and its request, and returns (changed, facts)."""
import os
import re
import time

from .environments import sweep_environments, turn_environment, waiting_environment
from .files import (
    pieces_of,
    read_json,
    remove_tree,
    sync_filesystem,
    sync_path,
    tried,
    write_new,
)
from .intact import compare_trees
from .interpreters import find_interpreter
from .mending import mend_release
from .parts import Part, choose_interpreter
from .units import forget_units, units_wait
from .users import give_shared
from .values import (
    PACKAGE,
    Refused,
    canonical_json,
    checked,
    checked_label,
    digest_hex,
    portable,
    random_word,
)
from .workers import fault


def step_stage(root, request):
    """Make a release's directory: everything under a name that nobody sees, its manifest last, then one rename. `again`: one that stands already gets what it lacks or has otherwise."""
    label, stack = checked_label(request["release"]), request["stack"]
    payloads = [read_json(root.blobs().path(descriptor["digest"])) for descriptor in request["payloads"]]
    manifest = {
        "schema": "caisson.release/1", "label": label, "name": stack["name"], "stack": stack["digest"], "generation": root.generation, "time": int(time.time()),
        "payloads": [{"package": payload["package"], "version": payload["version"], "kind": payload["kind"], "payload": descriptor["digest"]} for payload, descriptor in zip(payloads, request["payloads"])],
        "trees": sorted({tree["id"] for payload in payloads for tree in payload["trees"]}),
    }
    removal = [{"package": payload["package"], "hook": hook} for payload in payloads for hook in payload["hooks"] if hook["at"] == "remove"]
    manifest.update({"removal": removal} if removal else {})
    give_shared(root, request.get("user"))
    stands = stands_already(root, label, manifest)
    if stands and not request.get("again"):
        return False, None
    new = root.at("versions", ".new-%s-%s" % (label, random_word()))
    parts = [Part(payload, os.path.join(new, checked(payload["package"], PACKAGE, "package name")), root.at("trees"), "../../../trees") for payload in payloads]
    interpreters = [choose_interpreter(part, lambda minor: (find_interpreter(minor), "`python%s`" % minor), "`%s`" % part.payload["package"]) for part in parts]
    try:
        os.mkdir(new)
        for part, interpreter in zip(parts, interpreters):
            part.make(interpreter)
        place_shared(new, payloads)
        for payload, descriptor in zip(payloads, request["payloads"]):
            # What the next release's is told against. A package's name has no dot, so it is nothing else's name.
            write_new(os.path.join(new, payload["package"] + ".json"), pieces_of(root.blobs().path(descriptor["digest"])), 0o444)
        fault("stage", "middle")
        if stands:
            return mend_release(root, label, new), None
        write_new(os.path.join(new, "manifest.json"), [canonical_json(manifest)], 0o444)
        sync_filesystem(new)
        os.rename(new, root.at("versions", label))
        sync_path(root.at("versions"))
    except Exception:
        tried(remove_tree, new)
        raise
    root.note("staged", None, label)
    return True, None

def stands_already(root, label, manifest):
    """Whether this very release stands there; refuse where another one has its name, or the root belongs to another stack."""
    for _, other in root.manifests():
        if other["name"] != manifest["name"]:
            raise Refused("host-unfit", "this root belongs to the stack `%s`; choose another root for `%s`" % (other["name"], manifest["name"]))
    found = root.manifest(label)
    if found is None and os.path.lexists(root.at("versions", label)):
        raise Refused("host-unfit", "`%s` is not one of Caisson's releases; move it away" % root.at("versions", label))
    if found is not None and (found["stack"], found["payloads"]) != (manifest["stack"], manifest["payloads"]):
        raise Refused("host-changed", "the release `%s` stands here with other content" % label)
    return found is not None

def place_shared(release, payloads):
    """The release's own bin/, links into those of its packages; with one Python package also what makes it an environment of its own. Turrets stay by themselves: each has the program that starts it, by one name."""
    os.mkdir(os.path.join(release, "bin"))
    owners = {"bin": "the release", "lib": "the release"}
    shared = [payload for payload in payloads if payload["kind"] != "turret"]
    for package in [payload["package"] for payload in payloads]:
        programs = tried(os.listdir, os.path.join(release, package, "bin"), []) if any(payload["package"] == package for payload in shared) else []
        for name in [package] + ["bin/" + name for name in programs if not re.match(r"python[0-9.]*\Z", name)]:
            if name in owners:
                raise Refused("collision", "`%s` and `%s` both have `%s`" % (owners[name], package, portable(name)))
            owners[name] = package
            if name != package:
                os.symlink("../%s/%s" % (package, name), os.path.join(release, name))
    pythons = [payload for payload in shared if "interpreter" in payload]
    if len(pythons) == 1:
        for name in ("python", "python3", "python" + pythons[0]["platform"]["python"]["version"]):
            os.symlink("../%s/bin/python" % pythons[0]["package"], os.path.join(release, "bin", name))
        for name in ("lib", "pyvenv.cfg"):
            os.symlink("%s/%s" % (pythons[0]["package"], name), os.path.join(release, name))

def step_activate(root, request):
    """Let `current` lead to a staged release; until `confirm` it may be taken back at any time, and will be when the controller is lost."""
    label, current, service = checked_label(request["release"]), root.linked("current"), request.get("service")
    values = waiting_environment(root)
    if current == label and ((values is None and not units_wait(root, label)) or root.unsettled() is not None):
        return False, None
    if current != request["saw"] or root.unsettled() is not None:
        raise Refused("host-changed", "`current` leads to %s%s, expected %s" % (current, " and is not confirmed" if root.unsettled() else "", request["saw"]))
    manifest = root.manifest(label)
    if manifest is None or not {digest_hex(tree) for tree in manifest["trees"]} <= set(root.trees()):
        raise Refused("host-unfit", "there is no whole release `%s` here" % label)
    if request.get("compare"):
        compare_trees(root, manifest["trees"])
    more = {"service": service, "environment": values, "irreversible": request.get("irreversible")}
    root.note("switching", current, label, **more)
    fault("activate", "middle")
    if current != label:
        root.switch(label)
    if values is not None:
        turn_environment(root, values["to"])
    root.note("activated", current, label, **more)
    return True, None

def waiting_switch(root, label, current):
    """The switch to `label` that waits for its end; None where that has come already, and has left `label` current or not."""
    entry = root.unsettled()
    if entry is None and (root.linked("current") == label) != current:
        raise Refused("host-changed", "`%s` is %s" % (label, "not current, so it cannot be confirmed" if current else "confirmed; only a rollback goes back from it"))
    if entry is not None and entry["to"] != label:
        raise Refused("host-changed", "the switch that waits to be confirmed is one to `%s`" % entry["to"])
    return entry

def step_confirm(root, request):
    label = checked_label(request["release"])
    entry = waiting_switch(root, label, True) or root.kept()
    if entry is not None:
        root.note("confirmed", entry["from"], label)
        fault("confirm", "middle")
        root.keep_previous(entry["from"] if entry["from"] != label else None)
        forget_units(root, label)
        sweep_environments(root)
    return entry is not None, None

def step_undo(root, request):
    waiting_switch(root, checked_label(request["release"]), False)
    settled = root.settle("undone", request.get("detail") or "asked to")
    return settled is not None, settled
