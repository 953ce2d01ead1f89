/**
 * The program of a line: passes on what comes to a port of 127.0.0.1 to a host's sshd, as well as it is told to.
 * usage: line-relay.mjs ADDRESS PORT CONTROL     (a child with a channel of messages: says its port, and ends with its parent)
 * Commands come to the unix socket CONTROL, one JSON object on a line each, and are answered by one: `LineState` and `traffic` of line.ts.
 */
import { createConnection, createServer } from "node:net";

const [address, port, control] = process.argv.slice(2);
const state = { roundTrip: 0, rate: 0, silent: false, cutting: false, cutAfter: undefined, flipAt: undefined };
const traffic = { toHost: 0, fromHost: 0, connections: 0, turns: 0 };
const open = new Set();

class Direction {
  #from;
  #to;
  #name;
  #link;
  #queue = [];
  #held = 0;
  #busyUntil = 0;
  #timer;

  constructor(link, name, from, to) {
    [this.#link, this.#name, this.#from, this.#to] = [link, name, from, to];
    from.on("data", (chunk) => this.#take(chunk));
    from.on("end", () => this.#take(undefined));
    this.wake();
  }

  /** What has come stands in a queue until the line has carried it. */
  #take(chunk) {
    const now = performance.now();
    const length = chunk?.length ?? 0;
    const sent = Math.max(now, this.#busyUntil) + (state.rate > 0 ? (length / state.rate) * 1000 : 0);
    this.#busyUntil = sent;
    this.#queue.push({ chunk, arrives: sent + state.roundTrip / 2 });
    this.#held += length;
    // As much as a slow line's buffers hold; TCP makes the sender wait.
    if (this.#held > Math.max(65_536, (state.rate * state.roundTrip) / 1000)) this.#from.pause();
    this.wake();
  }

  wake() {
    clearTimeout(this.#timer);
    while (this.#queue.length > 0 && !state.silent && !state.cutting && this.#link.open) {
      const wait = this.#queue[0].arrives - performance.now();
      if (wait > 0.5) {
        this.#timer = setTimeout(() => this.wake(), wait);
        return;
      }
      this.#arrive(this.#queue.shift().chunk);
    }
    if (this.#held < 32_768 && !state.silent) this.#from.resume();
  }

  #arrive(chunk) {
    if (chunk === undefined) this.#to.end();
    else this.#carry(chunk);
  }

  #carry(chunk) {
    this.#held -= chunk.length;
    if (this.#name === "toHost" && this.#link.last !== "toHost") traffic.turns++;
    this.#link.last = this.#name;
    const before = traffic[this.#name];
    const flip = state.flipAt?.direction === this.#name ? state.flipAt.byte - before : -1;
    if (flip >= 0 && flip < chunk.length) {
      chunk[flip] ^= 1;
      state.flipAt = undefined;
    }
    const left = state.cutAfter?.direction === this.#name ? state.cutAfter.bytes - before : Infinity;
    const passed = left < chunk.length ? chunk.subarray(0, Math.max(0, left)) : chunk;
    traffic[this.#name] += passed.length;
    this.#to.write(passed);
    if (left > chunk.length) return;
    state.cutAfter = undefined;
    state.cutting = true;
    // The last bytes leave before the reset.
    setTimeout(cut, 5);
  }
}

function cut() {
  state.cutting = false;
  for (const link of open) link.close();
}

function accept(near) {
  traffic.connections++;
  const link = { open: true, last: undefined, close: undefined, wake: () => undefined };
  open.add(link);
  const sockets = [near];
  link.close = () => {
    link.open = false;
    open.delete(link);
    for (const socket of sockets) socket.resetAndDestroy();
  };
  near.setNoDelay(true);
  near.on("error", link.close);
  near.pause();
  const begin = () => {
    if (!link.open) return;
    if (state.silent) {
      link.wake = begin;
      return;
    }
    const far = createConnection({ host: address, port: Number(port), allowHalfOpen: true });
    sockets.push(far);
    far.setNoDelay(true);
    far.on("error", link.close);
    far.on("connect", () => {
      const directions = [new Direction(link, "toHost", near, far), new Direction(link, "fromHost", far, near)];
      link.wake = () => directions.forEach((direction) => direction.wake());
    });
    let ended = 0;
    for (const socket of sockets) socket.on("close", () => ++ended === 2 && open.delete(link));
  };
  // The handshake: the other side hears of the connection after one way and a half.
  setTimeout(begin, state.roundTrip * 1.5);
}

const commands = {
  set: ({ state: { cutAfter, flipAt, ...rest } }) => Object.assign(state, rest, cutAfter && { cutAfter: { ...cutAfter, bytes: cutAfter.bytes + traffic[cutAfter.direction] } }, flipAt && { flipAt: { ...flipAt, byte: flipAt.byte + traffic[flipAt.direction] } }),
  cut,
};

createServer((socket) => {
  socket.on("error", () => undefined);
  socket.once("data", (text) => {
    const command = JSON.parse(text.toString());
    commands[command.do]?.(command);
    for (const link of open) link.wake();
    socket.end(`${JSON.stringify(traffic)}\n`);
  });
}).listen(control);

const server = createServer({ allowHalfOpen: true }, accept).listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
