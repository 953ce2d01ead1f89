"""The HQ's side of a load test: publishes each word that it reads as a command, and prints what turrets send, one JSON text a line; its first line names its ports. The argument is the address to listen at.

With two ports as arguments it says nothing, stops the first turret that is ready, and ends.
The worker takes what is published whole as JSON, so that only the empty channel works.
"""
import json
import sys

import zmq

context = zmq.Context()
publisher = context.socket(zmq.PUB)
publisher.linger = 1000
collector = context.socket(zmq.PULL)


def publish(word):
    publisher.send_string("%s %s" % ("", json.dumps({"command": word, "msg": word})))


def stop_one(ports):
    publisher.bind("tcp://127.0.0.1:" + ports[0])
    collector.bind("tcp://127.0.0.1:" + ports[1])
    while collector.recv_json().get("status") != "Killed":
        # One that has only just come may not hear it; it reports again.
        publish("kill")


def follow(address):
    ports = {"hq_publisher": publisher.bind_to_random_port("tcp://" + address), "hq_rc": collector.bind_to_random_port("tcp://" + address)}
    print(json.dumps(ports), flush=True)
    poller = zmq.Poller()
    poller.register(collector, zmq.POLLIN)
    poller.register(sys.stdin, zmq.POLLIN)
    while True:
        ready = dict(poller.poll())
        if collector in ready:
            print(json.dumps(collector.recv_json()), flush=True)
        if sys.stdin.fileno() in ready:
            word = sys.stdin.readline().strip()
            if not word:
                break
            publish(word)


if len(sys.argv) == 3:
    stop_one(sys.argv[1:])
else:
    follow(sys.argv[1])
