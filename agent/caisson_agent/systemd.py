"""systemd as a host has it, or as the user has it who deploys: what it is asked, and what it answers."""
import json
import os
import re
import subprocess

from .files import read_bytes, sync_path, tried, write_new
from .values import Refused, native
from .workers import fault

ASKED = 120.0  # seconds for an answer; stopping a process that ignores SIGTERM takes a quarter of that
SHOWN = "Id,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,MainPID,NRestarts,Job,InvocationID,NeedDaemonReload"
OWN_UNIT = r"caisson-[A-Za-z0-9._-]+\.(service|socket|timer|target)\Z"

def sudo_refusal(run, words):
    """Why sudo does not let us run these words without a password; None where it does. Its list does not know of a later rule that asks for one, so what only reads is run."""
    status, _, complaint = run(["sudo", "-n", "-l", "--"] + words)
    if status == 0 and os.path.basename(words[0]) == "journalctl":
        status, _, complaint = run(["sudo", "-n", "--"] + words)
        status = status if re.search(r"^sudo: ", complaint, re.MULTILINE) else 0
    return None if status == 0 else (complaint.splitlines() or [""])[-1]

class Systemd:
    """`system` may be changed by root; and by others who may run four commands with sudo, as far as those go. `user` belongs to whoever runs this."""

    def __init__(self, scope):
        self.own = scope == "user"
        home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
        self.folder = os.path.join(home, "systemd", "user") if self.own else "/etc/systemd/system"
        self.installs = self.own or os.geteuid() == 0
        self.words = ["systemctl", "--user"] if self.own else ["systemctl"]
        self.runtime = os.environ.get("XDG_RUNTIME_DIR") or "/run/user/%d" % os.geteuid()

    def run(self, words, limit=ASKED):
        """The exit status, what was printed, and what was complained of."""
        path = os.environ.get("PATH", "") + ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        environment = dict(os.environ, PATH=path, LC_ALL="C", XDG_RUNTIME_DIR=self.runtime, SYSTEMD_PAGER="", SYSTEMD_COLORS="0")
        try:
            process = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError:
            raise Refused("host-unfit", "there is no `%s` here" % words[0])
        try:
            output, complaint = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Refused("process-failed", "`%s` had not ended after %d s" % (" ".join(words), limit))
        return process.returncode, output.decode("utf-8", "replace"), complaint.decode("utf-8", "replace").strip()

    def allowed(self, words):
        """The same words, by sudo where that is how we may say them."""
        return words if self.installs else ["sudo", "-n", "--"] + words

    def must(self, words):
        status, _, complaint = self.run(self.allowed(words))
        if status != 0:
            raise Refused("process-failed", "`%s` ended with %d%s" % (" ".join(words), status, complaint and ": " + " | ".join(complaint.splitlines()[-3:])))

    # What is there
    def installed(self, owner):
        """The units whose first line is `owner`, by name."""
        names = [name for name in tried(os.listdir, self.folder, []) if name.startswith("caisson-")]
        texts = {name: self.text(name) for name in names}
        return {name: texts[name] for name in names if first_line(texts[name]) == owner}

    def text(self, name):
        """None where there is no such unit."""
        found = tried(read_bytes, os.path.join(self.folder, name))
        return None if found is None else found.decode("utf-8", "replace")

    def states(self, names):
        """What systemd says of units, by name."""
        _, output, _ = self.run(self.words + ["show", "--property=" + SHOWN, "--"] + names)
        blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in output.split("\n\n")]
        return {block["Id"]: block for block in blocks if "Id" in block}

    def journal(self, words):
        """What processes have said, oldest first, as the journal keeps it."""
        status, output, complaint = self.run(self.allowed(words))
        if status != 0:
            raise Refused("permission", "the journal cannot be read: %s" % (complaint or "journalctl ended with %d" % status))
        entries = [tried(json.loads, line) for line in output.splitlines()]
        return [entry for entry in entries if isinstance(entry, dict)]

    # What is changed there
    def put(self, name, text):
        """One unit file, whole or not at all."""
        os.makedirs(self.folder, exist_ok=True)
        new = os.path.join(self.folder, ".new-" + name)
        tried(os.unlink, new)
        write_new(new, [text.encode("utf-8")])
        sync_path(new)
        os.rename(new, os.path.join(self.folder, name))

    def install(self, files):
        """Let the units of one owner be these: others of that owner are stopped and removed. systemd is told only where a text is another than before. Drop-ins are not ours."""
        texts = {file["name"]: file["text"] for file in files}
        there = self.installed(first_line(files[0]["text"]))
        changed = sorted(name for name in texts if there.get(name) != texts[name])
        gone = sorted(name for name in there if name not in texts)
        # A socket that is listened at cannot move while its process holds it.
        moved = [other for name in changed if name in there and name.endswith(".socket") for other in (name, name[:-len("socket")] + "service")]
        if gone + moved:
            self.must(self.words + ["stop", "--"] + gone + moved)
        for name in changed:
            self.put(name, texts[name])
        self.remove_files(gone)
        fault("restart", "middle")
        if changed or gone:
            sync_path(self.folder)
        # An earlier run may have been cut off before it told systemd.
        if changed or gone or any(state.get("NeedDaemonReload") == "yes" for state in self.states(sorted(texts)).values()):
            self.must(self.words + ["daemon-reload"])
        targets = [name for name in sorted(texts) if name.endswith(".target") and not os.path.lexists(self.wanted_at(name, texts[name]))]
        if targets:
            self.must(self.words + ["enable", "--quiet", "--"] + targets)

    def wanted_at(self, name, text):
        """The link that starts a unit with the host."""
        wanting = [line[len("WantedBy="):] for line in text.split("\n") if line.startswith("WantedBy=")]
        return os.path.join(self.folder, "%s.wants" % (wanting or ["multi-user.target"])[0], name)

    def uninstall(self, files):
        there = sorted(self.installed(first_line(files[0]["text"])))
        targets = [name for name in there if name.endswith(".target")]
        if targets:
            self.must(self.words + ["disable", "--quiet", "--"] + targets)
        self.remove_files(there)
        if there:
            sync_path(self.folder)
            self.must(self.words + ["daemon-reload"])
            self.run(self.words + ["reset-failed", "--"] + there)  # what failed would be remembered without its file

    def remove_files(self, names):
        for name in names:
            os.unlink(os.path.join(self.folder, name))

def first_line(text):
    return (text or "").split("\n", 1)[0]

def message_of(entry):
    """What was said; bytes that are no text are a list of numbers."""
    said = entry.get("MESSAGE")
    return bytes(said).decode("utf-8", "replace") if isinstance(said, list) else native(said or "") if isinstance(said, str) else ""
