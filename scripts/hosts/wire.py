"""
The wire of a group of hosts: every Ethernet frame between the bridge and a host passes here, so that delay, rate and loss are met by TCP itself,
with its windows and its slow start, and bytes are counted as they travel.

usage: wire.py CONTROL NUMBER HOST=PLACE:PID...    (PID: a process in the host's network namespace)

Makes cs<NUMBER>-<PLACE> here and eth0 there, says "ready", and then takes commands on the unix socket CONTROL,
one JSON object for each connection, answered by the counts: group.d.mts has the members.
"""
import collections
import ctypes
import fcntl
import json
import os
import random
import select
import socket
import struct
import sys
import time

TUNSETIFF, TAP, NO_PI = 0x400454CA, 0x0002, 0x1000
NEWNET = 0x40000000
# As much as waits in front of a narrow line before it drops; at least this many bytes.
QUEUE = 65536


def main():
    control, number, words = sys.argv[1], sys.argv[2], sys.argv[3:]
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    hosts = {}
    for word in words:
        name, rest = word.split("=")
        place, pid = rest.split(":")
        near = make_tap(f"cs{number}-{place}")
        enter(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY))
        far = make_tap("eth0")
        enter(home)
        hosts[name] = Host(near, far)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(control)
    server.listen(16)
    print("ready", flush=True)
    carry(hosts, server)


def make_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), TAP | NO_PI))
    return tap


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace, NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Host:
    def __init__(self, near, far):
        self.state = {"roundTrip": 0, "rate": 0, "loss": 0, "silent": False}
        self.random = random.Random(1)
        self.ways = {"toHost": Way(self, near, far, "toHost"), "fromHost": Way(self, far, near, "fromHost")}
        self.reset()

    def reset(self):
        self.connections = self.turns = 0
        self.last = ""
        for way in self.ways.values():
            way.bytes = way.packets = way.dropped = 0

    def count(self):
        to_host, from_host = self.ways["toHost"], self.ways["fromHost"]
        return {
            "toHost": to_host.bytes, "fromHost": from_host.bytes, "packetsToHost": to_host.packets, "packetsFromHost": from_host.packets,
            "dropped": to_host.dropped + from_host.dropped, "connections": self.connections, "turns": self.turns,
        }


class Way:
    """One direction: frames wait here until the line has carried them."""

    def __init__(self, host, source, sink, name):
        self.host, self.source, self.sink, self.name = host, source, sink, name
        self.queue = collections.deque()
        self.busy_until = 0.0
        self.bytes = self.packets = self.dropped = 0

    def take(self, now):
        state = self.host.state
        while True:
            try:
                frame = os.read(self.source, 65600)
            except BlockingIOError:
                return
            except OSError:
                # The device is down, as when its host is halted.
                return
            rate, delay = state["rate"], state["roundTrip"] / 2000
            waiting = (self.busy_until - now) * rate
            if state["silent"] or (state["loss"] and self.host.random.random() < state["loss"]) or (rate and waiting > max(QUEUE, rate * delay * 2)):
                self.dropped += 1
                continue
            self.count(frame)
            self.busy_until = max(now, self.busy_until) + (len(frame) / rate if rate else 0)
            self.queue.append((self.busy_until + delay, frame))

    def count(self, frame):
        if frame[12:14] != b"\x08\x00":
            return
        length, = struct.unpack(">H", frame[16:18])
        self.bytes += length
        self.packets += 1
        if frame[23] != 6:
            return
        begin = 14 + (frame[14] & 15) * 4
        payload = length - (frame[14] & 15) * 4 - (frame[begin + 12] >> 4) * 4
        opening = frame[begin + 13] & 0x12 == 0x02
        host = self.host
        if self.name == "toHost" and opening:
            host.connections += 1
        if payload > 0 or opening:
            if self.name == "toHost" and host.last != "toHost":
                host.turns += 1
            host.last = self.name
        elif frame[begin + 13] & 0x12 == 0x12:
            host.last = self.name

    def give(self, now):
        while self.queue and self.queue[0][0] <= now + 0.0001:
            try:
                os.write(self.sink, self.queue.popleft()[1])
            except OSError:
                self.dropped += 1


def carry(hosts, server):
    ways = {way.source: way for host in hosts.values() for way in host.ways.values()}
    poll = select.epoll()
    for source in list(ways) + [server.fileno()]:
        poll.register(source, select.EPOLLIN)
    while True:
        now = time.monotonic()
        due = min((way.queue[0][0] for way in ways.values() if way.queue), default=now + 3600)
        # epoll waits whole milliseconds; the rest of one is waited for finely.
        select.select([poll.fileno()], [], [], max(0.0, due - now))
        ready = [source for source, _ in poll.poll(0)]
        now = time.monotonic()
        for source in ready:
            if source in ways:
                ways[source].take(now)
            else:
                answer(server, hosts)
        for way in ways.values():
            way.give(now)


def answer(server, hosts):
    connection = server.accept()[0]
    with connection:
        command = json.loads(connection.recv(65536).decode())
        named = [hosts[command["host"]]] if command.get("host") else list(hosts.values())
        for host in named:
            host.state.update(command.get("state", {}))
            if command.get("reset"):
                host.reset()
        connection.sendall(json.dumps({name: host.count() for name, host in hosts.items()}).encode())


main()
