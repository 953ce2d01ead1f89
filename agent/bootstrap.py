# The first Python on a host: finds the agent in the target's root, or takes it from the channel, and becomes it. PROTOCOL.md says how.
# It travels in one word, in single quotes, through any login shell: no single quote, backslash, exclamation mark or caret
# (which stands for the end of a line), and a comment has a line of its own. No syntax newer than Python 3.4.
import sys

if sys.version_info < (3, 6):
    sys.exit(3)
import binascii
import hashlib
import json
import marshal
import os
import struct
import zlib

root, marker, digest, first = sys.argv[2:6]
def take(size):
    data = b""
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            sys.exit(1)
        data += piece
    return data
def kept(name):
    try:
        with open(os.path.join(root, ".agent", name), "rb") as file:
            return file.read()
    except OSError:
        return b""
def is_it(text):
    return hashlib.sha256(text).hexdigest() == digest
PENDING = binascii.a2b_base64(first)
NEWS = {}
text = kept(digest)
if not is_it(text):
    os.write(1, (marker + " want" + chr(10)).encode())
    while True:
        length = take(4)
        header = take(struct.unpack(">I", length)[0])
        said = json.loads(header.decode())
        if "program" in said:
            break
        PENDING += length + header
    text = zlib.decompress(take(said["size"]))
    if not is_it(text):
        sys.exit("caisson: the agent did not arrive whole")
    NEWS[digest] = text
PROGRAM = text.decode()
name = "%s.%x" % (digest, sys.hexversion)
code = kept(name)
if hashlib.sha256(code[32:]).digest() == code[:32]:
    code = marshal.loads(code[32:])
else:
    code = compile(PROGRAM, "agent.py", "exec")
    text = marshal.dumps(code)
    NEWS[name] = hashlib.sha256(text).digest() + text
sys.argv[1:] = [root, "--marker", marker]
exec(code)
