"""
What the ELF files of wheels ask of glibc, by other programs than ours: pyelftools reads them, the lists that zig ships say which glibc has
each symbol (for two architectures; those of its `abilists`, as zig's glibc.zig reads them), and auditwheel says which manylinux policy fits.
Arguments: the lists, then wheels. Prints JSON: {wheel: {glibc, unknown: [symbol@version], policy: {glibc, glibcxx, ...} or null, policies}}.
"""
import io
import json
import logging
import pathlib
import sys
import zipfile

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection, GNUVerSymSection

TARGETS = {"EM_X86_64": "x86_64-linux-gnu", "EM_AARCH64": "aarch64-linux-gnu"}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def half(self):
        return self.byte() | self.byte() << 8

    def text(self):
        end = self.data.index(0, self.at)
        found, self.at = self.data[self.at:end].decode(), end + 1
        return found

    def number(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                return value


def read_lists(path):
    """By target and symbol, the versions of it that some glibc has: (2, 34, 0)."""
    reader = Reader(pathlib.Path(path).read_bytes())
    [reader.text() for _ in range(reader.byte())]
    versions = [(reader.byte(), reader.byte(), reader.byte()) for _ in range(reader.byte())]
    targets = [reader.text() for _ in range(reader.byte())]
    lists = {target: {} for target in TARGETS.values()}
    for has_size in (False, True):
        name = None
        for _ in range(reader.half()):
            name = name or reader.text()
            mask = reader.number()
            if has_size:
                reader.number()
            is_last = reader.byte() & 128
            found = []
            while True:
                byte = reader.byte()
                found.append(versions[byte & 127])
                if byte & 128:
                    break
            for target, symbols in lists.items():
                if mask >> targets.index(target) & 1:
                    symbols.setdefault(name, set()).update(found)
            if is_last:
                name = None
    return lists


def asked_of_glibc(elf):
    """Each symbol that is not defined here with its version, where that is one of glibc's."""
    sections = list(elf.iter_sections())
    needs = next((each for each in sections if isinstance(each, GNUVerNeedSection)), None)
    marks = next((each for each in sections if isinstance(each, GNUVerSymSection)), None)
    symbols = elf.get_section_by_name(".dynsym")
    if needs is None or marks is None or symbols is None:
        return
    names = {aux["vna_other"] & 0x7FFF: aux.name for _, entries in needs.iter_versions() for aux in entries}
    for at, symbol in enumerate(symbols.iter_symbols()):
        mark = marks.get_symbol(at)["ndx"]
        if symbol["st_shndx"] == "SHN_UNDEF" and isinstance(mark, int) and names.get(mark & 0x7FFF, "").startswith("GLIBC_"):
            yield symbol.name, names[mark & 0x7FFF][len("GLIBC_"):]


def symbols_of(path):
    with zipfile.ZipFile(path) as wheel:
        for member in wheel.namelist():
            data = wheel.read(member)
            if data[:4] != b"\x7fELF":
                continue
            elf = ELFFile(io.BytesIO(data))
            if elf["e_type"] in ("ET_DYN", "ET_EXEC"):
                for symbol, version in asked_of_glibc(elf):
                    yield TARGETS[elf["e_machine"]], symbol, version


def numbers(version):
    return tuple(int(part) for part in version.split(".")) + (0,) * (2 - version.count("."))


def highest(versions):
    return ".".join(str(part) for part in max((numbers(each) for each in versions if each[:1].isdigit()), default=()))


def policy_of(path):
    """The manylinux policy that the symbols fit, and what the policies allow; auditwheel's own words."""
    from auditwheel.architecture import Architecture
    from auditwheel.libc import Libc
    from auditwheel.wheel_abi import analyze_wheel_abi
    logging.disable(logging.CRITICAL)
    found = analyze_wheel_abi(Libc.GLIBC, Architecture.x86_64, pathlib.Path(path), frozenset(), disable_isa_ext_check=True, allow_graft=False)
    return found.sym_policy.name.rsplit("_x86_64", 1)[0]


def main(lists, *wheels):
    lists = read_lists(lists)
    answers = {}
    for path in wheels:
        asked = set(symbols_of(path))
        unknown = sorted("%s@GLIBC_%s" % (symbol, version) for target, symbol, version in asked if version[:1].isdigit() and numbers(version) not in lists[target].get(symbol, ()))
        answers[pathlib.Path(path).name] = {"symbols": len(asked), "glibc": highest(version for _, _, version in asked), "unknown": unknown, "policy": policy_of(path) if path.endswith("x86_64.whl") else None}
    print(json.dumps(answers))


main(*sys.argv[1:])
