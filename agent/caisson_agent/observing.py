"""What stands on a host: looked at, and cleared of what nobody needs."""
import hashlib
import os
import re
import time

from .environments import environment_facts
from .files import hash_of, remove_tree, sync_path, tried
from .health import traces_of
from .hooks import hooks_crossed, hooks_done, run_hook
from .interpreters import host_facts
from .preflight import trouble_in
from .roots import described_holder
from .users import account
from .values import PACKAGE, Refused, checked, digest_hex, random_word
from .workers import fault


def step_prune(root, request):
    """Remove releases beyond the `keep` newest, and then the trees that no release links. Never current, previous, unconfirmed, or in use."""
    used, room, removed, kept = names_in_use(root), request["keep"], [], []
    unsettled = root.unsettled() or {}
    held = {unsettled.get("from"): "unconfirmed", unsettled.get("to"): "unconfirmed", root.linked("previous"): "previous", root.linked("current"): "current"}
    for label, _ in reversed(root.manifests()):
        process = used.get("versions/" + label)
        reason = held.get(label) or (process and "in use by process %s" % process) or ("newest" if room > 0 else None)
        room -= reason == "newest"
        if reason is None:
            removed.append(label)
        else:
            kept.append({"label": label, "reason": reason})
    failed = [(label, said) for label, said in ((label, run_removal(root, label, request)) for label in removed) if said is not None]
    removed = [label for label in removed if label not in [each for each, _ in failed]]
    for label in removed:
        discard(root, "versions", label)
        tried(os.unlink, root.at("hooks", label + ".log"))
        tried(os.unlink, root.at("units", label + ".json"))
    fault("prune", "middle")
    linked = {digest_hex(tree) for _, manifest in root.manifests() for tree in manifest["trees"]}
    loose = [name for name in root.trees() if name not in linked and "trees/" + name not in used]
    for name in loose:
        discard(root, "trees", name)
        for suffix in (".json", ".bytecode", ".made", ".damaged"):
            tried(os.unlink, root.at("trees", name + suffix))
    if removed:
        root.note("pruned", None, None, detail=", ".join(removed))
    if failed:
        raise Refused("hook-failed", "%s; kept %s, removed %s" % (failed[0][1], ", ".join("`%s`" % label for label, _ in failed), ", ".join("`%s`" % label for label in removed) or "nothing"))
    return bool(removed or loose), {"removed": removed, "kept": kept, "trees": len(loose)}

def run_removal(root, label, request):
    """The hooks of a release that is about to go, as far as they were planned. What the first that fails said; None where all is well."""
    for planned in request.get("hooks") or []:
        try:
            if planned["release"] == label:
                run_hook(root, label, checked(planned["package"], PACKAGE, "package name"), planned["hook"], request.get("user"))
        except Refused as refused:
            return refused.detail
    return None

def names_in_use(root):
    """Releases (`versions/124`) and trees (`trees/<hex>`) that a process shows a path into, each with such a process."""
    tops = {re.escape(os.fsencode(top)) for top in (root.path, os.path.realpath(root.path))}
    inside = re.compile(b"(?:" + b"|".join(tops) + br")/((?:versions|trees)/[^/\0\n ]+)")
    return {os.fsdecode(name): pid for pid in os.listdir("/proc") if pid.isdigit() for name in inside.findall(traces_of(pid))}

def discard(root, directory, name):
    """Out of sight first, in one step; then away, which may take its time."""
    trash = root.at(directory, ".trash-%s-%s" % (name, random_word()))
    os.rename(root.at(directory, name), trash)
    sync_path(root.at(directory))
    remove_tree(trash)

def step_observe(root, request):
    """What the root is like. Nobody else holding the lock, an unconfirmed switch of a dead run is settled first, and its leftovers are swept."""
    root.check()
    recovered, busy = settle_for_observer(root, request.get("by"))
    current, unsettled, journal = root.linked("current"), root.unsettled() or {}, root.journal()
    confirmed = {entry["to"] for entry in journal if entry["event"] == "confirmed"}
    releases, there = [], trees_and_marks(root)
    for label, manifest in root.manifests():
        away = "retired" if label in confirmed else "staged"
        state = away if label != current else "unconfirmed" if unsettled.get("to") == label else "kept" if root.kept() else "active"
        more = {"ran": hooks_done(journal, label), "across": hooks_crossed(journal, label, manifest["generation"]), "removal": manifest.get("removal")}
        releases.append(dict({key: more[key] for key in more if more[key]}, label=label, stack=manifest["stack"], name=manifest["name"], state=state))
    state = {
        "generation": root.stored_generation(), "current": current, "previous": root.linked("previous"),
        "releases": releases, "treesDigest": "sha256:" + hashlib.sha256("".join(name + "\n" for name in there).encode("ascii")).hexdigest(), "facts": dict(host_facts(root.path), account=account()), "clock": time.time(),
    }
    state.update({"recovered": recovered} if recovered else {})
    units = current and tried(hash_of, root.at("units", current + ".json"))
    state.update({"units": "sha256:" + units} if units else {})
    values = environment_facts(root)
    state.update({"environment": values} if values else {})
    trouble = trouble_in(root)
    state.update({"unfit": trouble} if trouble else {})
    state.update({"busy": busy} if busy else {})
    if request.get("trees"):
        state.update({"trees": ["sha256:" + name for name in there if "." not in name], "damaged": ["sha256:" + name.split(".")[0] for name in there if "." in name]})
    if request.get("journal"):
        state["journal"] = [{key: entry[key] for key in entry if key != "service"} for entry in journal[-request["journal"]:]]
    return False, state

def trees_and_marks(root):
    """The hex digits of every tree, and `HEX.damaged` for those that nothing can be taken from."""
    return root.names("trees", r"[0-9a-f]{64}(\.damaged)?\Z")

def settle_for_observer(root, by):
    """Returns what was settled, and who is changing the host at this moment; None for what is not so."""
    # Only where there is something to settle: a look must not keep anybody from changing the host.
    if root.lock is not None or not os.path.exists(root.at(".lock")) or not root.is_unfinished():
        return None, None
    taken = tried(lambda _: root.take_lock(), None, None)
    if not taken:
        return None, described_holder(root.holder()) if taken is False else None
    root.by, root.doing = by, "settling what an earlier run left"
    tried(lambda _: root.sign(), None)
    try:
        return root.recover(), None
    finally:
        root.generation = root.doing = None
        root.release_lock()
