"""How values, paths and errors are told. Runs on CPython 3.6 and newer: python3 -m unittest discover -s agent"""
import errno
import unittest

from controller import agent


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
