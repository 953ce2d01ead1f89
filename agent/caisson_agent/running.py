"""What runs on a host at this moment, and what it says."""
import os

from .environments import redacted, secrets_of
from .files import tried
from .health import labels_in, traces_of
from .observing import names_in_use
from .systemd import Systemd, is_systemd, message_of, unit_of_entry
from .units import started_files, units_of

MOST_LINES = 1000  # as many as the journal is asked for

def step_running(root, request):
    """The processes, and the release that each runs from as far as we can see; under systemd also the units that are not as they were made. Changes nothing."""
    service, current = request["service"], root.linked("current")
    if service["kind"] != "systemd":
        used = names_in_use(root)
        return False, {"processes": [{"release": name[len("versions/"):], "pid": int(used[name])} for name in sorted(used) if name.startswith("versions/")], "drift": []}
    manager, wanted = Systemd(service["scope"]), current and units_of(root, current)
    if not wanted:
        return False, {"processes": [], "drift": []}
    states = manager.states([file["name"] for file in wanted["files"]])
    others = [name for name in sorted(states) if states[name].get("NeedDaemonReload") == "yes"]
    others += [file["name"] for file in wanted["files"] if manager.text(file["name"]) != file["text"] and file["name"] not in others]
    return False, {"processes": [describe_process(root, file, states.get(file["name"], {})) for file in started_files(wanted)], "drift": others}

def describe_process(root, file, state):
    pid = int(state.get("MainPID") or 0)
    labels = sorted(labels_in(root, traces_of(pid))) if pid else []
    return {
        "package": file["package"], "process": file["process"], "unit": file["name"], "state": state.get("ActiveState", "unknown"),
        "pid": pid or None, "release": labels[0] if len(labels) == 1 else None, "restarts": int(state.get("NRestarts") or 0),
    }

def step_logs(root, request):
    """The last lines that processes have said, or those behind `after`, which is the `cursor` of an earlier answer. Changes nothing."""
    service, count, after = request["service"], min(request["lines"], MOST_LINES), request.get("after")
    if service["kind"] == "systemd":
        lines, cursor = journal_lines(root, Systemd(service["scope"]), request, after)
    else:
        lines, cursor = file_lines(root.at("service.log"), after)
    kept, secrets = lines if after is not None else lines[-count:], secrets_of(root)
    return False, {"lines": [dict(line, text=redacted(line["text"].encode("utf-8", "replace"), secrets).decode("utf-8", "replace")) for line in kept], "cursor": cursor}

def journal_lines(root, manager, request, after):
    switches = [entry["to"] for entry in root.journal() if entry["event"] in ("activated", "undone", "recovered")]
    # Of the current release, and of the one that was tried last: what went wrong there is what people look for.
    wanted = [units for units in (units_of(root, label) for label in {root.linked("current"), (switches or [None])[-1]} if label) if units]
    files = {file["name"]: file for units in wanted for file in units["files"] if file["name"].endswith(".service") and request.get("process") in (None, file["process"], file["package"], "%s:%s" % (file["package"], file["process"]))}
    found = {entry.get("__CURSOR"): entry for units in wanted for entry in manager.journal(units["commands"]["logs"])}
    entries = sorted(found.values(), key=lambda entry: int(entry.get("__REALTIME_TIMESTAMP", 0)))
    cursors = [entry.get("__CURSOR") for entry in entries]
    lines = []
    for entry in entries[cursors.index(after) + 1 if after in cursors else 0:]:
        file = files.get(unit_of_entry(entry))
        who = "systemd" if is_systemd(entry) else file and file["process"]
        for line in message_of(entry).splitlines() if file else []:
            lines.append({"time": int(entry.get("__REALTIME_TIMESTAMP", 0)) / 1e6, "package": file["package"], "process": who, "text": line[:4096]})
    return lines, cursors[-1] if cursors else after

def file_lines(path, after):
    """What the owner's command has printed; it begins anew with each restart. The cursor is a length."""
    size = tried(os.path.getsize, path, 0)
    start = int(after or 0) if int(after or 0) <= size else 0
    text = tried(lambda name: read_from(name, max(start, size - (1 << 20))), path, b"")
    whole = text[:text.rfind(b"\n") + 1] if after is not None else text
    return [{"text": line[:4096]} for line in whole.decode("utf-8", "replace").splitlines()], str(size - len(text) + len(whole))

def read_from(path, start):
    with open(path, "rb") as file:
        file.seek(start)
        return file.read()
