"""Prints the files at the top of an sdist that say how it is built, as JSON: pyproject.toml, setup.py, setup.cfg."""
import json
import sys
import tarfile
import zipfile


def main(path):
    found = {}
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as file:
            for member in file:
                if is_wanted(member.name) and member.isfile():
                    found[member.name.split("/")[-1]] = file.extractfile(member).read().decode("utf-8", "replace")
    else:
        with zipfile.ZipFile(path) as file:
            for name in filter(is_wanted, file.namelist()):
                found[name.split("/")[-1]] = file.read(name).decode("utf-8", "replace")
    json.dump(found, sys.stdout)


def is_wanted(name):
    parts = [part for part in name.split("/") if part != "."]
    return len(parts) <= 2 and parts[-1] in ("pyproject.toml", "setup.py", "setup.cfg")


main(sys.argv[1])
