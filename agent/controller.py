"""What tests of the agent share: the joined agent, a directory of their own, and a controller that speaks to it as any would."""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "dist"))
import agent  # joined from caisson_agent/ by scripts/join-agent.mjs

AGENT = os.path.abspath(agent.__file__)
MARKER = "0123456789abcdef" * 2


class Directory(unittest.TestCase):
    def setUp(self):
        self.directory = os.path.realpath(tempfile.mkdtemp(prefix="caisson agent "))
        self.root = os.path.join(self.directory, "root")
        self.addCleanup(agent.remove_tree, self.directory)

    def path(self, *names):
        return os.path.join(self.root, *names)


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
        deadline = time.monotonic() + 120  # for what hangs
        while not happened():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
