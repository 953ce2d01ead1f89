"""Where a tree's files come from, and what is made of them. Runs on CPython 3.6 and newer: python3 -m unittest discover -s agent"""
import errno
import hashlib
import os
import shutil
import sys
import zipfile
from unittest import mock

from controller import Directory, agent


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


class Removal(Directory):
    def test_a_directory_goes_though_somebody_who_is_dying_puts_one_more_file_there(self):
        top = os.path.join(self.directory, "top")
        os.makedirs(os.path.join(top, "below"))
        remove, left = os.rmdir, ["a", "b"]
        def late(path):
            if left:
                open(os.path.join(path, left.pop()), "w").close()
            remove(path)
        with mock.patch.object(os, "rmdir", late):
            agent.remove_tree(top)
        self.assertEqual((os.path.lexists(top), left), (False, []))


class Links(Directory):
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
