import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { meanings } from "../../src/transport/ssh-words.ts";
import { lacking, startHosts, type Hosts } from "../support/hosts.ts";
import { openLine } from "../support/line.ts";
import { configure, open, refusal } from "./over-ssh.ts";

/** Each thing that ssh says, made to be said: what is done to a host, and what becomes of it. A row for each entry of the table, in its order. */
const sayings: readonly { readonly fault: string; readonly code: string; readonly message: string; readonly hint: RegExp; readonly spoil: (hosts: Hosts) => Promise<(() => void) | void> }[] = [
  {
    fault: "fault 28: a revoked host key", code: "host-key", message: "the host key of `h1` is revoked", hint: /give the host a new one/,
    spoil: async (hosts) => {
      const revoked = join(hosts.files.directory, "revoked");
      writeFileSync(revoked, readFileSync(join(hosts.files.directory, "h1.hostkey.pub")));
      configure(hosts, [`RevokedHostKeys "${revoked}"`]);
    },
  },
  {
    fault: "fault 28: a host key that has changed", code: "host-key", message: "the host key of `h1` is not the one that is known", hint: /ssh-keygen -R h1, then `ssh \S+@h1` once/,
    spoil: async (hosts) => await hosts.get("h1").restart({ newHostKey: true }),
  },
  {
    fault: "fault 28: a host certificate that has run out", code: "host-key", message: "the host certificate of `h1` is not valid: expired", hint: /sign the host's key anew/,
    spoil: async (hosts) => await certify(hosts, ["-n", "h1", "-V", "20200101:20210101"]),
  },
  {
    fault: "fault 28: a host key that nobody has seen", code: "host-key", message: "the host key of `h1` is not known here", hint: /look at it once: ssh \S+@h1/,
    spoil: async (hosts) => writeFileSync(hosts.files.knownHosts, ""),
  },
  {
    fault: "a key that the host does not take", code: "permission", message: "`h1` does not let us in (publickey)", hint: /ssh-add.*ssh-copy-id/,
    spoil: async (hosts) => await hosts.get("h1").restart({ sshd: ["AuthorizedKeysFile none"] }),
  },
  {
    fault: "a name that leads nowhere", code: "host-unreachable", message: "there is no host `h1`", hint: /ssh -G/,
    spoil: async (hosts) => configure(hosts, ["Host h1", "  HostName nowhere.invalid"]),
  },
  {
    fault: "a host without sshd", code: "host-unreachable", message: "`h1` takes no ssh connection", hint: /is sshd running there/,
    spoil: async (hosts) => await hosts.get("h1").kill(),
  },
  {
    fault: "a host that says nothing", code: "host-unreachable", message: "`h1` does not answer (during banner exchange)", hint: /is it up/,
    spoil: async (hosts) => await elsewhere(hosts, () => undefined),
  },
  {
    fault: "fault 29: a host that drops us", code: "host-unreachable", message: "`h1` closed the connection before it knew who we are", hint: /MaxStartups/,
    spoil: async (hosts) => await elsewhere(hosts, (close) => close()),
  },
  {
    fault: "an ssh configuration that ssh does not take", code: "host-unreachable", message: expect.stringMatching(/^ssh does not take its own configuration \(.*line 1: Bad configuration option: nonsense\)$/) as string, hint: /the lines above say where/,
    spoil: async (hosts) => configure(hosts, ["Nonsense yes"]),
  },
];

describe.skipIf(lacking() !== undefined).concurrent("what ssh says (needs sshd)", () => {
  it("has a test for each entry of its table", () => {
    expect(sayings.map(({ code }) => code)).toEqual(meanings.map(({ code }) => code));
  });

  it("fault 17: notices within 15 s that a line has gone silent, and waits for nothing after that", async () => {
    await using hosts = await startHosts();
    await using line = await openLine(hosts, "h1");
    await using agent = await open(hosts);
    await agent.observe();
    await line.silence();
    const since = performance.now();
    await expect(agent.verify()).rejects.toMatchObject({ code: "unknown-state", cause: expect.stringContaining("not responding") as string });
    await agent[Symbol.asyncDispose]();
    // By ssh, whose patience ends at 15 s; a busy machine is late with everything.
    expect(performance.now() - since).toBeLessThan(30_000);
  });

  it.each(sayings)("$fault is $code", async ({ code, message, hint, spoil }) => {
    await using hosts = await startHosts();
    const mend = await spoil(hosts);
    const error = await refusal(open(hosts));
    mend?.();
    expect({ code: error.code, message: error.message, hint: error.hint, cause: error.cause }).toEqual({ code, message, hint: expect.stringMatching(hint), cause: expect.any(String) });
    expect(hosts.get("h1").log(), "nothing of ours reached it").not.toContain("Starting session");
  });
});

/** Give the host a certificate, signed with these words of ssh-keygen, and trust who signed it. */
async function certify(hosts: Hosts, words: readonly string[]): Promise<void> {
  const { directory, knownHosts } = hosts.files;
  const authority = join(directory, "authority");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", authority]);
  execFileSync("ssh-keygen", ["-q", "-s", authority, "-I", "h1", "-h", ...words, join(directory, "h1.hostkey.pub")]);
  writeFileSync(knownHosts, `@cert-authority * ${readFileSync(`${authority}.pub`, "utf8")}`);
  await hosts.get("h1").restart({ sshd: [`HostCertificate ${join(directory, "h1.hostkey-cert.pub")}`] });
}

/** Let the host's name lead to a server of ours; returns what ends it. */
async function elsewhere(hosts: Hosts, answer: (close: () => void) => void): Promise<() => void> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    answer(() => socket.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  configure(hosts, ["Host h1", `  Port ${(server.address() as AddressInfo).port}`]);
  return () => server.close();
}
