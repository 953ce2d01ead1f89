"""What the agent promises to whoever talks to it, and when nobody does any more. Runs on CPython 3.6 and newer: python3 -m unittest discover -s agent"""
import base64
import hashlib
import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
import zlib

from controller import AGENT, MARKER, Controller, Talking, agent, document, framed

# How bootstrap.sh starts it on another machine: the words of bootstrap.py, with carets for the ends of its lines.
BOOTSTRAP = "import sys;exec(sys.argv[1].replace(chr(94),chr(10)))"
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "bootstrap.py"), encoding="utf-8") as lines:
    WORDS = "^".join(line.rstrip() for line in lines if line.strip() and not line.startswith("#"))


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
        self.assertLess(seconds, agent.SILENCE)

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
        self.activate(controller, 2, "2", undo_after=3)
        for _ in range(15):
            time.sleep(0.3)
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
        self.assertEqual(controller.process.wait(120), 1)

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
