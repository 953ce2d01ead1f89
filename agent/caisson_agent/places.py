"""The place that somebody chose for a bundle."""
import fcntl
import os
import re

from .files import remove_tree, sync_filesystem, sync_path, tried
from .values import Refused, random_word


class Place:
    """Where a bundle is put: made beside it, and renamed when it is whole. Until it is kept, all of it can be taken back, the directories above it too."""

    def __init__(self, target):
        # A link to an empty directory stays what it is.
        self.target = os.path.realpath(target) if os.path.isdir(target) else os.path.abspath(target)
        self.parent, self.name = os.path.split(self.target)
        self.new = os.path.join(self.parent, ".new-%s-%s" % (self.name, random_word()))
        self.made = []  # directories above, the uppermost first
        self.mode = os.stat(self.target).st_mode & 0o7777 if os.path.isdir(self.target) else None
        self.owner = None  # an open file whose lock says that we are at work
        if os.path.lexists(self.target) and (self.mode is None or os.listdir(self.target)):
            raise Refused("host-unfit", "`%s` is there already and not an empty directory" % self.target)
        if os.path.ismount(self.target):
            raise Refused("host-unfit", "`%s` is a mount point, which nothing can take the place of; name a directory in it" % self.target)

    def begin(self):
        """The new directory, empty; what others left here who were killed is removed."""
        missing = self.parent
        while not os.path.isdir(missing):
            self.made.insert(0, missing)
            missing = os.path.dirname(missing)
        for path in self.made:
            os.mkdir(path)
        for name in os.listdir(self.parent):
            if re.match(r"\.new-%s-[0-9a-f]{12}\Z" % re.escape(self.name), name):
                self.sweep(os.path.join(self.parent, name))
        os.mkdir(self.new)
        self.owner = os.open(self.new, os.O_RDONLY)
        tried(lambda owner: fcntl.flock(owner, fcntl.LOCK_EX), self.owner)

    def sweep(self, path):
        """Remove a new directory whose maker is dead; its lock went with it."""
        owner = tried(lambda directory: os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW), path)
        if owner is None:
            return
        try:
            if tried(lambda mine: fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB) is None, owner, False):
                tried(remove_tree, path)
        finally:
            os.close(owner)

    def take(self):
        """Everything is durable, and lies where it was wanted."""
        sync_filesystem(self.new)
        os.rename(self.new, self.target)
        sync_path(self.parent)

    def give_back(self):
        """All as it was before."""
        if self.owner is not None and not os.path.lexists(self.new):
            os.rename(self.target, self.new)
            if self.mode is not None:
                os.mkdir(self.target)
                os.chmod(self.target, self.mode)
        if os.path.lexists(self.new):
            remove_tree(self.new)
        for path in reversed(self.made):
            tried(os.rmdir, path)
