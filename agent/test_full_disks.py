"""What still works where there is no room. Runs on CPython 3.6 and newer: python3 -m unittest discover -s agent"""
import errno
import os
import subprocess
import tempfile
import unittest

from controller import Talking, document


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
