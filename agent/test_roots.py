"""A root's journal, and the switch. Runs on CPython 3.6 and newer: python3 -m unittest discover -s agent"""
import errno
import os
from unittest import mock

from controller import Directory, agent


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
