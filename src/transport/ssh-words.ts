import type { ErrorCode, Problem } from "../model/index.ts";

/** What is known of a connection that brought no agent. */
export interface Failure {
  /** As ssh was given it. */
  readonly address: string;
  /** What people call the host. */
  readonly host: string;
  /** ssh's own words until the host let us in, and the last ones after that. */
  readonly said: string;
  /** Whether the host let us in: from there on, words are the host's and not ssh's. */
  readonly admitted: boolean;
}

interface Meaning {
  /** A line of ssh's, in the C locale. */
  readonly line: RegExp;
  readonly code: ErrorCode;
  readonly message: (failure: Failure) => string;
  readonly hint: (failure: Failure) => string;
}

/**
 * What OpenSSH says when it does not reach a host, in the order of their weight; all of it ends with 255, and it has no other sign to tell them apart.
 * Each entry has a test that makes ssh say it: test/transport/ssh-words.test.ts.
 */
export const meanings: readonly Meaning[] = [
  {
    line: /^@? *(?:WARNING: )?REVOKED HOST KEY|^Host key .* revoked|marked as revoked/m, code: "host-key",
    message: ({ host }) => `the host key of \`${host}\` is revoked`, hint: () => "whoever has that key may not be trusted: give the host a new one, then put it in known_hosts",
  },
  {
    line: /REMOTE HOST IDENTIFICATION HAS CHANGED|^Host key for .* has changed/m, code: "host-key",
    message: ({ host }) => `the host key of \`${host}\` is not the one that is known`, hint: ({ address }) => `if the host is new under an old name: ssh-keygen -R ${bare(address)}, then \`ssh ${address}\` once`,
  },
  {
    line: /^Certificate invalid: /m, code: "host-key",
    message: ({ host, said }) => `the host certificate of \`${host}\` is not valid: ${/^Certificate invalid: (.*?)\r?$/m.exec(said)?.[1] ?? ""}`, hint: () => "sign the host's key anew, for the name that it is reached by",
  },
  {
    line: /^Host key verification failed|^No .* host key is known for /m, code: "host-key",
    message: ({ host }) => `the host key of \`${host}\` is not known here`, hint: ({ address }) => `look at it once: ssh ${address}`,
  },
  {
    line: /: Permission denied \(|Too many authentication failures|^Received disconnect from .*: Too many/m, code: "permission",
    message: ({ host, said }) => `\`${host}\` does not let us in${bracketed(/Permission denied \((.*)\)/.exec(said)?.[1])}`, hint: ({ address }) => `\`ssh -o BatchMode=yes ${address} true\` must work: load your key (ssh-add), or bring it there (ssh-copy-id ${address})`,
  },
  {
    line: /Could not resolve hostname/m, code: "host-unreachable",
    message: ({ host }) => `there is no host \`${host}\``, hint: ({ address }) => `\`ssh -G ${address}\` shows which name your ssh configuration makes of it`,
  },
  {
    line: /^ssh: connect to host .*: Connection refused/m, code: "host-unreachable",
    message: ({ host }) => `\`${host}\` takes no ssh connection`, hint: ({ address }) => `is sshd running there, and is it the right port? ssh -G ${address} | grep ^port`,
  },
  {
    line: /^ssh: connect to host |^Connection timed out during banner exchange|^Connection to .* timed out/m, code: "host-unreachable",
    message: ({ host, said }) => `\`${host}\` does not answer${bracketed(/^(?:ssh: connect to host .*: |Connection timed out )(.*?)\r?$/m.exec(said)?.[1])}`, hint: ({ address }) => `is it up, and is there a way to it? ssh ${address}`,
  },
  {
    line: /^(?:kex_exchange_identification|ssh_exchange_identification|banner exchange): |^Connection (?:closed|reset) by /m, code: "host-unreachable",
    message: ({ host }) => `\`${host}\` closed the connection before it knew who we are`, hint: () => "too many connections at once (MaxStartups, PerSourcePenalties of its sshd), a firewall, or a jump host that does not reach it",
  },
  {
    line: /Bad configuration option|bad configuration options|Bad owner or permissions on |Unsupported option/m, code: "host-unreachable",
    message: ({ said }) => `ssh does not take its own configuration${bracketed(said.trim().split("\n")[0])}`, hint: () => "mend your ssh configuration: the lines above say where",
  },
];

/** Of the host's words, or the system's, as much as a line takes. */
export function bracketed(words: string | undefined): string {
  const line = (words ?? "").trim();
  return line === "" ? "" : ` (${line.length > 100 ? `${line.slice(0, 99)}…` : line})`;
}

/** Closed before a word about who we are: dropped among many (MaxStartups), and worth another try. */
export function isDropped({ said, admitted }: Failure): boolean {
  return !admitted && /^(?:kex_exchange_identification|ssh_exchange_identification): /m.test(said);
}

/** What became of a connection that ended before the host let us in. */
export function explainFailure(failure: Failure): Problem {
  const found = meanings.find(({ line }) => line.test(failure.said));
  if (found === undefined) return { code: "host-unreachable", message: `no connection to \`${failure.host}\``, hint: `see what it says: ssh -v ${failure.address}` };
  return { code: found.code, message: found.message(failure), hint: found.hint(failure) };
}

/** What OpenSSH says of a connection that carried an agent and ended; in words of ours, which name no address, so that many hosts with one cause have one line. */
const LOSSES: readonly (readonly [RegExp, string])[] = [
  [/^Timeout, server .* not responding/m, "the line fell silent"],
  [/^Connection to .* closed by remote host|^Connection (?:closed|reset) by |Connection reset by peer|Broken pipe/m, "the connection was closed"],
];

/** Why an agent is gone, from the end of its log and ssh's; undefined where they do not say. */
export function explainLoss(said: string): string | undefined {
  return LOSSES.find(([line]) => line.test(said))?.[1] ?? (said.trim() === "" ? undefined : said.trim().split("\n").at(-1));
}

/** How a Python is installed on systems by their os-release ID. */
const INSTALL: readonly (readonly [RegExp, string])[] = [
  [/\b(?:debian|ubuntu|raspbian)\b/, "apt-get install python3"],
  [/\b(?:fedora|rhel|centos|rocky|almalinux|amzn|ol)\b/, "dnf install python3 (yum on older ones)"],
  [/\balpine\b/, "apk add python3"],
  [/\b(?:suse|opensuse\S*|sles)\b/, "zypper install python3"],
  [/\barch\b/, "pacman -S python"],
];

/** A host without a Python that could run the agent; `system` is its os-release ID and ID_LIKE. */
export function explainUnfit(host: string, system: string): Problem {
  const how = INSTALL.find(([id]) => id.test(system))?.[1];
  return { code: "host-unfit", message: `\`${host}\` has no Python 3.6 or newer`, hint: how === undefined ? "install Python 3.6 or newer there" : `on ${host}: ${how}` };
}

/** The name that known_hosts has for an address. */
function bare(address: string): string {
  const { host = "", port } = /^ssh:\/\/(?:.*@)?\[?(?<host>[^\]]*?)\]?:(?<port>\d+)$/.exec(address)?.groups ?? {};
  return port === undefined ? address.replace(/^.*@/, "") : `"[${host}]:${port}"`;
}
