"""What the agent promises at its edges, spoken to as any controller would. Runs on CPython 3.6 and newer: python3 -m unittest discover -s agent"""
import base64
import errno
import hashlib
import io
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
import zlib
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "dist"))
import agent  # joined from caisson_agent/ by scripts/join-agent.mjs

AGENT = os.path.abspath(agent.__file__)
MARKER = "0123456789abcdef" * 2
# How bootstrap.sh starts it on another machine: the words of bootstrap.py, with carets for the ends of its lines.
BOOTSTRAP = "import sys;exec(sys.argv[1].replace(chr(94),chr(10)))"
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "bootstrap.py"), encoding="utf-8") as lines:
    WORDS = "^".join(line.rstrip() for line in lines if line.strip() and not line.startswith("#"))


class Directory(unittest.TestCase):
    def setUp(self):
        self.directory = os.path.realpath(tempfile.mkdtemp(prefix="caisson agent "))
        self.root = os.path.join(self.directory, "root")
        self.addCleanup(agent.remove_tree, self.directory)

    def path(self, *names):
        return os.path.join(self.root, *names)


class Values(unittest.TestCase):
    def test_canonical_json_sorts_by_code_point_and_escapes_only_what_it_must(self):
        value = {"b": [1, None, True], "a": "\u00e9\u2028\x7f\x1f\n\"\\", "\U0001f600": 1, "\ue000": 2}
        self.assertEqual(agent.canonical_json(value).decode("utf-8"), '{"a":"\u00e9\u2028\x7f\\u001f\\n\\"\\\\","b":[1,null,true],"\ue000":2,"\U0001f600":1}')

    def test_paths_that_lead_away_are_refused(self):
        for path in ("", "/x", "../x", "a/../b", "a//b", "a/", "./a", "a\0b"):
            with self.assertRaises(agent.Refused):
                agent.checked_path(path)
        self.assertEqual(agent.checked_path("a/..b/c"), "a/..b/c")

    def test_file_errors_have_codes(self):
        for number, code in ((errno.ENOSPC, "disk-full"), (errno.EROFS, "permission"), (errno.EIO, "process-failed")):
            self.assertEqual(agent.explained(OSError(number, "why", "/x")).code, code)


class Wheels(Directory):
    def write(self, **how):
        path = os.path.join(self.directory, "x.whl")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in (("\u00fc/packed", b"x" * 5000000), ("empty", b""), ("random", os.urandom(3000000))):
                with archive.open(name, "w", **how) as member:
                    member.write(data)
            archive.writestr(zipfile.ZipInfo("stored"), b"as it is")
        return path

    def check(self, path):
        wheel = agent.Wheel(path)
        with zipfile.ZipFile(path) as archive:
            self.assertEqual(sorted(wheel.members), sorted(archive.namelist()))
            for name in archive.namelist():
                self.assertEqual(hashlib.sha256(b"".join(wheel.chunks(name))).digest(), hashlib.sha256(archive.read(name)).digest())

    def test_members_are_those_that_zipfile_reads(self):
        self.check(self.write())

    def test_members_with_zip64_headers(self):
        self.check(self.write(force_zip64=True))

    def test_a_directory_with_64_bit_values(self):
        path = self.write()
        with mock.patch.object(zipfile, "ZIP_FILECOUNT_LIMIT", 1), zipfile.ZipFile(path, "a") as archive:
            archive.writestr("one/more", "x")
        with open(path, "rb") as file:
            self.assertIn(b"PK\6\7", file.read())
        self.check(path)

    def test_what_is_no_zip_file_is_refused(self):
        path = os.path.join(self.directory, "x.whl")
        with open(path, "wb") as file:
            file.write(b"no zip file")
        with self.assertRaises(agent.Refused):
            agent.Wheel(path)


class Journals(Directory):
    def setUp(self):
        Directory.setUp(self)
        self.target = agent.Root(self.root)
        self.target.begin(1, "tester@here")
        self.addCleanup(self.target.release_lock)

    def test_a_torn_last_line_is_ignored_and_the_next_one_is_whole(self):
        self.target.note("staged", None, "1")
        with open(self.path("journal.jsonl"), "ab") as file:
            file.write(b'{"event": "confir')
        self.assertEqual([entry["event"] for entry in self.target.journal()], ["staged"])
        self.target.note("switching", None, "1")
        self.assertEqual([entry["event"] for entry in self.target.journal()], ["staged", "switching"])

    def test_room_is_set_aside_without_showing(self):
        state = os.stat(self.path("journal.jsonl"))
        self.assertEqual(state.st_size, 0)
        self.assertIn(state.st_blocks * 512, (0, agent.JOURNAL_RESERVE))  # 0 where the file system cannot

    def test_an_unsettled_switch_is_the_last_word_about_switches(self):
        self.target.note("switching", "1", "2")
        self.assertEqual(self.target.unsettled()["to"], "2")
        self.target.note("staged", None, "3")
        self.target.note("activated", "1", "2")
        self.assertEqual(self.target.unsettled()["event"], "activated")
        self.target.note("confirmed", "1", "2")
        self.assertIsNone(self.target.unsettled())


class Switches(Directory):
    def setUp(self):
        Directory.setUp(self)
        self.target = agent.Root(self.root)
        for label in ("1", "2", "3"):
            os.makedirs(self.path("versions", label))

    def go(self, label):
        before = self.target.linked("current")
        self.target.switch(label)
        self.target.keep_previous(before)
        return sorted(os.listdir(self.path("versions"))), self.target.linked("current"), self.target.linked("previous")

    def expect_switches(self):
        self.assertEqual(self.go("1"), (["1", "2", "3", "current"], "1", None))
        self.assertEqual(self.go("2"), (["1", "2", "3", "current", "previous"], "2", "1"))
        self.assertEqual(self.go("3"), (["1", "2", "3", "current", "previous"], "3", "2"))
        self.assertEqual(self.go("2"), (["1", "2", "3", "current", "previous"], "2", "3"))

    def test_links_change_places(self):
        self.expect_switches()

    def test_links_are_renamed_where_the_kernel_cannot_exchange_them(self):
        with mock.patch.object(agent, "exchange", return_value=False):
            self.expect_switches()

    def test_going_back_needs_no_new_link(self):
        self.go("1")
        self.go("2")
        with mock.patch.object(os, "symlink", side_effect=OSError(errno.ENOSPC, "no inode")):
            self.go("1")
        self.target.switch("3")
        with mock.patch.object(os, "symlink", side_effect=OSError(errno.ENOSPC, "no inode")):
            self.target.switch("1")
        self.assertEqual(self.target.linked("current"), "1")

    def test_a_copy_is_made_where_no_link_can_be(self):
        source, target = os.path.join(self.directory, "a"), os.path.join(self.directory, "b")
        os.mkdir(source)
        agent.write_new(os.path.join(source, "run"), [b"#!/bin/sh\n"], 0o555)
        os.symlink("run", os.path.join(source, "link"))
        with mock.patch.object(os, "link", side_effect=OSError(errno.EMLINK, "too many")):
            agent.link_or_copy(source, target)
        self.assertEqual(os.stat(os.path.join(target, "run")).st_mode & 0o777, 0o555)
        self.assertNotEqual(os.stat(os.path.join(target, "run")).st_ino, os.stat(os.path.join(source, "run")).st_ino)
        self.assertEqual(os.readlink(os.path.join(target, "link")), "run")


def framed(header):
    text = json.dumps(header).encode("utf-8")
    return struct.pack(">I", len(text)) + text

class Controller:
    """Speaks the protocol over a pair of pipes."""

    def __init__(self, words, root, *more, **environment):
        self.process = subprocess.Popen(words + [root] + list(more or ("--marker", MARKER)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ, **environment))
        self.asked = 0

    def begin(self):
        assert self.process.stdout.readline() == MARKER.encode("ascii") + b"\n"
        return self

    def send(self, header, data=b""):
        self.process.stdin.write(framed(header) + data)
        self.process.stdin.flush()

    def hear(self):
        length = struct.unpack(">I", self.process.stdout.read(4))[0]
        return json.loads(self.process.stdout.read(length).decode("utf-8"))

    def ask(self, header, data=b""):
        self.asked += 1
        self.send(dict(header, request=self.asked), data)
        return self.answer(self.asked)

    def answer(self, number):
        while True:
            answer = self.hear()
            if answer.get("answer") == number:
                return answer

    def ends(self):
        """Seconds until it has ended, and its log."""
        began = time.monotonic()
        log = self.process.stderr.read().decode("utf-8")
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        return time.monotonic() - began, log


def document(value):
    data = agent.canonical_json(value)
    return {"digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data), "mediaType": "application/json"}, data


class Talking(Directory):
    """What tests that talk to an agent share."""

    def start(self, words=(sys.executable, "-I", AGENT), **environment):
        controller = Controller(list(words), self.root, **environment)
        self.addCleanup(self.stop, controller)
        return controller.begin()

    def stop(self, controller):
        for stream in (controller.process.stdin, controller.process.stdout, controller.process.stderr):
            try:
                stream.close()
            except OSError:
                pass
        controller.process.wait()

    def change(self, controller, generation, header, data=b""):
        answer = controller.ask(dict(header, generation=generation, by="tester@here"), data)
        self.assertTrue(answer["ok"], answer)
        return answer

    def activate(self, controller, generation, label, undo_after=15, service=None):
        """Release `label`, which holds nothing, is current and unconfirmed."""
        payload, data = document({"package": "p" + label, "version": "1", "kind": "files", "trees": [], "links": [], "hooks": [], "platform": {"python": {"version": "3.11"}}})
        self.change(controller, generation, {"step": "receive", "blob": payload, "size": len(data)}, data)
        self.change(controller, generation, {"step": "stage", "release": label, "stack": {"name": "shop", "digest": "sha256:" + label * 64}, "payloads": [payload]})
        saw = os.readlink(self.path("versions", "current")) if os.path.lexists(self.path("versions", "current")) else None
        self.change(controller, generation, {"step": "activate", "release": label, "saw": saw, "undoAfter": undo_after, "service": service})
        self.assertEqual(os.readlink(self.path("versions", "current")), label)

    def first_release(self):
        controller = self.start()
        self.activate(controller, 1, "1")
        self.change(controller, 1, {"step": "confirm", "release": "1"})
        controller.process.stdin.close()
        controller.ends()

    def last_words(self):
        with open(self.path("journal.jsonl")) as file:
            entry = json.loads(file.readlines()[-1])
        return entry["event"], entry["from"], entry["to"], entry.get("detail")

    def wait_until(self, happened):
        deadline = time.monotonic() + 30
        while not happened():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)


class Conversations(Talking):
    def test_the_dead_man_undoes_a_switch_when_its_input_ends(self):
        self.first_release()
        controller = self.start()
        self.activate(controller, 2, "2")
        controller.process.stdin.close()
        seconds, log = controller.ends()
        self.assertEqual(os.readlink(self.path("versions", "current")), "1")
        self.assertEqual(self.last_words(), ("undone", "1", "2", "controller lost"))
        self.assertIn("the switch to `2` is undone", log)
        self.assertLess(seconds, 5)

    def test_a_killed_controller_is_a_lost_one(self):
        self.first_release()
        pipe = subprocess.Popen([sys.executable, "-c", "import sys, time; sys.stdout.buffer.write(sys.stdin.buffer.read()); sys.stdout.flush(); time.sleep(600)"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(pipe.stdout.close)
        frames = io.BytesIO()
        payload, data = document({"package": "p2", "version": "1", "kind": "files", "trees": [], "links": [], "hooks": [], "platform": {"python": {"version": "3.11"}}})
        run = {"generation": 2, "by": "tester@here"}
        for number, (step, tail) in enumerate([
            ({"step": "receive", "blob": payload, "size": len(data)}, data), ({"step": "stage", "release": "2", "stack": {"name": "shop", "digest": "sha256:" + "2" * 64}, "payloads": [payload]}, b""),
            ({"step": "activate", "release": "2", "saw": "1", "undoAfter": 15, "service": {"kind": "none"}}, b""),
        ]):
            text = json.dumps(dict(step, request=number, **run)).encode("ascii")
            frames.write(struct.pack(">I", len(text)) + text + tail)
        agent_process = subprocess.Popen([sys.executable, "-I", AGENT, self.root, "--marker", MARKER], stdin=pipe.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        pipe.stdout.close()
        pipe.stdin.write(frames.getvalue())
        pipe.stdin.close()
        self.wait_until(lambda: self.last_words()[0] == "activated")
        pipe.kill()
        pipe.wait()
        self.assertIn(b"undone", agent_process.stderr.read())
        agent_process.stderr.close()
        agent_process.wait()
        self.assertEqual(os.readlink(self.path("versions", "current")), "1")

    def test_silence_is_as_good_as_an_end(self):
        self.first_release()
        controller = self.start()
        self.activate(controller, 2, "2", undo_after=1)
        self.wait_until(lambda: self.last_words()[0] == "undone")
        self.assertEqual(self.last_words(), ("undone", "1", "2", "controller lost"))
        controller.process.stdin.close()
        controller.ends()

    def test_heartbeats_keep_a_switch_alive(self):
        self.first_release()
        controller = self.start()
        self.activate(controller, 2, "2", undo_after=1)
        for _ in range(12):
            time.sleep(0.25)
            controller.send({"beat": 1})
        self.change(controller, 2, {"step": "confirm", "release": "2"})
        self.assertEqual(os.readlink(self.path("versions", "current")), "2")
        controller.process.stdin.close()
        controller.ends()
        self.assertEqual(self.last_words()[0], "confirmed")

    def test_a_signal_ends_it_as_a_lost_controller_does(self):
        self.first_release()
        controller = self.start()
        self.activate(controller, 2, "2")
        controller.process.send_signal(signal.SIGTERM)
        controller.ends()
        self.assertEqual(self.last_words(), ("undone", "1", "2", "the agent was told to stop"))

    def test_a_killed_agent_leaves_no_worker_and_no_lock(self):
        controller = self.start()
        command = {"kind": "command", "restart": "sleep 5"}
        self.activate(controller, 1, "1")
        controller.send({"request": 99, "step": "restart", "release": "1", "service": command, "generation": 1, "by": "tester@here"})
        self.wait_until(lambda: os.path.exists(self.path("service.log")))
        controller.process.kill()
        controller.process.stdin.close()
        controller.process.wait()
        again = self.start()
        self.wait_until(lambda: "recovered" in again.ask({"step": "observe", "journal": 5})["facts"] or self.last_words()[0] == "recovered")
        self.assertFalse(os.path.lexists(self.path("versions", "current")))
        again.process.stdin.close()
        again.ends()

    def test_the_service_of_the_old_release_is_started_again_after_a_loss(self):
        self.first_release()
        told = os.path.join(self.directory, "told")
        controller = self.start()
        self.activate(controller, 2, "2", service={"kind": "command", "restart": "echo ${CAISSON_RELEASE##*/} > '" + told + "'"})
        controller.process.stdin.close()
        controller.ends()
        with open(told) as file:
            self.assertEqual(file.read(), "1\n")

    def bootstrapped(self):
        with open(AGENT, "rb") as file:
            program = file.read()
        digest, first = hashlib.sha256(program).hexdigest(), base64.b64encode(framed({"request": 1, "step": "observe"})).decode("ascii")
        controller = Controller([sys.executable, "-I", "-c", BOOTSTRAP, WORDS], self.root, MARKER, digest, first)
        controller.asked = 1  # its first question came with it
        self.addCleanup(self.stop, controller)
        return controller, program, digest

    def test_the_program_comes_over_the_channel_once(self):
        controller, program, digest = self.bootstrapped()
        self.assertEqual(controller.process.stdout.readline(), MARKER.encode("ascii") + b" want\n")
        packed = zlib.compress(program)
        controller.process.stdin.write(framed({"program": digest, "size": len(packed)}) + packed)
        controller.process.stdin.flush()
        controller.begin()
        self.assertEqual(controller.answer(1)["facts"]["generation"], 0)
        self.activate(controller, 1, "1")
        entries = [{"kind": "file", "path": "site/m.py", "mode": 0o644, "digest": "sha256:" + hashlib.sha256(b"x = 1\n").hexdigest(), "size": 6, "source": {"from": "inline", "text": "x = 1\n"}}]
        tree = "sha256:" + hashlib.sha256(agent.canonical_json([{key: value for key, value in entries[0].items() if key != "source"}])).hexdigest()
        descriptor, data = document({"schema": "caisson.tree/1", "id": tree, "entries": entries})
        self.change(controller, 1, {"step": "receive", "blob": descriptor, "size": len(data)}, data)
        self.change(controller, 1, {"step": "tree", "id": tree, "document": descriptor})
        self.assertEqual(len(os.listdir(self.path("trees", tree[7:], "site", "__pycache__"))), 1)
        controller.process.stdin.close()
        controller.ends()
        again, _, _ = self.bootstrapped()
        again.begin()
        self.assertEqual(again.answer(1)["facts"]["generation"], 1)

    def test_a_program_that_does_not_arrive_whole_is_not_run(self):
        controller, program, digest = self.bootstrapped()
        packed = zlib.compress(program + b"#")
        controller.process.stdin.write(framed({"program": digest, "size": len(packed)}) + packed)
        controller.process.stdin.flush()
        self.assertEqual(controller.process.stdout.read(), MARKER.encode("ascii") + b" want\n")
        self.assertEqual(controller.process.wait(10), 1)

    def test_an_unknown_step_is_refused_and_its_bytes_are_skipped(self):
        controller = self.start()
        answer = controller.ask({"step": "format-disk", "size": 5}, b"bytes")
        self.assertEqual((answer["ok"], answer["code"]), (False, "usage"))
        self.assertTrue(controller.ask({"step": "observe"})["ok"])
        self.assertFalse(os.path.exists(self.root))
        controller.process.stdin.close()
        controller.ends()

    def test_an_observer_who_may_not_write_settles_nothing(self):
        self.first_release()
        os.chmod(self.path(".lock"), 0o444)
        controller = self.start()
        self.assertEqual(controller.ask({"step": "observe"})["facts"]["current"], "1")
        controller.process.stdin.close()
        controller.ends()


def can_mount():
    with tempfile.TemporaryDirectory() as place:
        if os.geteuid() != 0 or subprocess.call(["mount", "-t", "tmpfs", "tmpfs", place], stderr=subprocess.DEVNULL) != 0:
            return False
        return subprocess.call(["umount", place]) == 0


@unittest.skipUnless(can_mount(), "needs to mount a small file system")
class FullDisks(Talking):
    def setUp(self):
        Talking.setUp(self)
        os.mkdir(self.root)
        subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=48", "tmpfs", self.root])
        # Last in, first out: before the directory is removed.
        self.addCleanup(subprocess.check_call, ["umount", "-l", self.root])

    def fill(self):
        """No block and no inode is left."""
        for number in range(100):
            try:
                with open(self.path("ballast" + str(number)), "wb") as file:
                    file.write(bytes(100000))
            except OSError as error:
                self.assertEqual(error.errno, errno.ENOSPC)
        self.assertEqual((os.statvfs(self.root).f_bavail, os.statvfs(self.root).f_favail), (0, 0))

    def two_releases(self):
        self.first_release()
        controller = self.start()
        self.activate(controller, 2, "2")
        return controller

    def test_a_switch_is_undone_without_a_free_block_or_inode(self):
        controller = self.two_releases()
        self.fill()
        controller.process.stdin.close()
        controller.ends()
        self.assertEqual(os.readlink(self.path("versions", "current")), "1")
        self.assertEqual(self.last_words(), ("undone", "1", "2", "controller lost"))

    def test_a_rollback_needs_no_free_block_or_inode(self):
        controller = self.two_releases()
        self.change(controller, 2, {"step": "confirm", "release": "2"})
        controller.process.stdin.close()
        controller.ends()
        self.fill()
        controller = self.start()
        service = {"kind": "command", "restart": "exit 0"}
        self.change(controller, 3, {"step": "activate", "release": "1", "saw": "2", "undoAfter": 15, "service": service})
        self.change(controller, 3, {"step": "restart", "release": "1", "service": service})
        self.change(controller, 3, {"step": "confirm", "release": "1"})
        self.assertEqual((os.readlink(self.path("versions", "current")), os.readlink(self.path("versions", "previous"))), ("1", "2"))
        controller.process.stdin.close()
        controller.ends()

    def test_a_full_disk_is_named_and_changes_nothing(self):
        controller = self.two_releases()
        self.change(controller, 2, {"step": "confirm", "release": "2"})
        self.fill()
        blob, data = document("x" * 5000)
        answer = controller.ask({"step": "receive", "blob": blob, "size": len(data), "generation": 2}, data)
        self.assertEqual((answer["ok"], answer["code"]), (False, "disk-full"))
        self.assertEqual(controller.ask({"step": "observe"})["facts"]["current"], "2")
        controller.process.stdin.close()
        controller.ends()


class Compiler(Directory):
    def test_bytecode_is_the_same_wherever_and_whenever_it_is_made(self):
        made = []
        for name in ("here", "over there"):
            top = os.path.join(self.directory, name)
            os.makedirs(os.path.join(top, "site"))
            with open(os.path.join(top, "site", "m.py"), "w") as file:
                file.write("def f(x):\n    return x in {'a', 'b', 'c', 'd'} or x == __file__\n")
            agent.compile_tree([{"kind": "file", "path": "site/m.py"}], top, sys.executable)
            cache = os.path.join(top, "site", "__pycache__")
            with open(os.path.join(cache, os.listdir(cache)[0]), "rb") as file:
                made.append(file.read())
        self.assertEqual(made[0], made[1])
        shutil.rmtree(os.path.join(self.directory, "here"))


if __name__ == "__main__":
    unittest.main()
