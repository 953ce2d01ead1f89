"""Second names for files."""
import errno
import os
import stat

from .files import pieces_of, write_new


def copy_whole(source, target):
    """A file, or every file of a directory, as one of its own that its owner may write to."""
    place_files(source, target, lambda file, place, mode: write_new(place, pieces_of(file), mode | stat.S_IWUSR))

def link_or_copy(source, target):
    """A second name for a file, or for every file of a directory, whose real path then lies in the release; a copy where there can be none."""
    place_files(source, target, place_link)

def place_link(source, target, mode):
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
            raise
        write_new(target, pieces_of(source), mode)

def place_files(source, target, place):
    """Directories and links as they are; `place` is called for each file, with its mode."""
    kind = os.lstat(source).st_mode
    if stat.S_ISDIR(kind):
        os.mkdir(target)
        for name in os.listdir(source):
            place_files("%s/%s" % (source, name), "%s/%s" % (target, name), place)
    elif stat.S_ISLNK(kind):
        os.symlink(os.readlink(source), target)
    else:
        place(source, target, stat.S_IMODE(kind))
