# The first Python on a host: finds the agent in the target's root, or takes it from the channel, and becomes it. PROTOCOL.md says how.
# It travels in one word, in single quotes, through any login shell: no single quote, backslash, exclamation mark or caret
# (which stands for the end of a line), and a comment has a line of its own. No syntax newer than Python 3.4.
import sys

if sys.version_info < (3, 6):
    sys.exit(3)
import hashlib
import json
import os
import struct
import zlib

root, marker, digest = sys.argv[2:5]
def take(size):
    data = b""
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            sys.exit(1)
        data += piece
    return data
def is_it(text):
    return hashlib.sha256(text).hexdigest() == digest
try:
    with open(os.path.join(root, ".agent", digest), "rb") as file:
        text = file.read()
except OSError:
    text = b""
PENDING = b""
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
PROGRAM = text.decode()
sys.argv[1:] = [root, "--marker", marker]
exec(compile(PROGRAM, "agent.py", "exec"))
