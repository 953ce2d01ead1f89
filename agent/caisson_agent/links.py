"""Second names for files."""
import errno
import os
import stat

from .files import pieces_of, write_new


def copy_whole(source, target):
    """A file, or every file of a directory, as one of its own that its owner may write to."""
    kind = os.lstat(source).st_mode
    if stat.S_ISDIR(kind):
        os.mkdir(target)
        for name in os.listdir(source):
            copy_whole("%s/%s" % (source, name), "%s/%s" % (target, name))
    elif stat.S_ISLNK(kind):
        os.symlink(os.readlink(source), target)
    else:
        write_new(target, pieces_of(source), stat.S_IMODE(kind) | stat.S_IWUSR)

def link_or_copy(source, target):
    """A second name for a file, or for every file of a directory, whose real path then lies in the release; a copy where there can be none."""
    kind = os.lstat(source).st_mode
    if stat.S_ISDIR(kind):
        os.mkdir(target)
        for name in os.listdir(source):
            link_or_copy("%s/%s" % (source, name), "%s/%s" % (target, name))
    elif stat.S_ISLNK(kind):
        os.symlink(os.readlink(source), target)
    else:
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
                raise
            write_new(target, pieces_of(source), stat.S_IMODE(kind))
