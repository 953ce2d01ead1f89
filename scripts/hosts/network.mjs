/** A bridge for each group: 198.18.<group>.0/24 (a range for tests of networks, RFC 2544), where this machine is .254; hosts behind a bastion are on 198.19.<group>.0/24, which this machine cannot reach. */
import { run } from "./commands.mjs";

/** Give each host its links. `net` is a process in the host's network namespace; with a wire, eth0 is there already. */
export async function connectHosts(number, hosts, wired) {
  const inner = hosts.some(({ behind }) => behind !== undefined);
  const links = hosts.flatMap(({ place, net, behind, bastion }) => [
    ...behind === undefined ? linkLines(`cs${number}`, `cs${number}-${place}`, net, "eth0", wired) : [],
    ...behind !== undefined || bastion ? linkLines(`ci${number}`, `ci${number}-${place}`, net, "eth1") : [],
  ]);
  await batch([], [
    `link add cs${number} type bridge`, `addr add 198.18.${number}.254/24 dev cs${number}`, `link set cs${number} up`,
    ...inner ? [`link add ci${number} type bridge`, `link set ci${number} up`, `route add unreachable 198.19.${number}.0/24`] : [],
    ...links,
  ]);
  await Promise.all(hosts.map(({ place, net, behind, bastion }) => batch(["nsenter", `--net=/proc/${net}/ns/net`], [
    "link set lo up",
    ...behind === undefined ? [`addr add 198.18.${number}.${place}/24 dev eth0`, "link set eth0 up"] : [],
    ...behind !== undefined || bastion ? [`addr add 198.19.${number}.${place}/24 dev eth1`, "link set eth1 up"] : [],
  ])));
}

/** A host that is cut off says nothing any more: no end of a connection, no refusal. */
export async function switchLinks(net, direction) {
  for (const link of ["eth0", "eth1"]) await run(["nsenter", `--net=/proc/${net}/ns/net`, "ip", "link", "set", link, direction]).catch(() => undefined);
}

function linkLines(bridge, link, net, peer, isThere = false) {
  return [...isThere ? [] : [`link add ${link} type veth peer name ${peer} netns ${net}`], `link set ${link} master ${bridge} up`];
}

function batch(before, lines) {
  return run([...before, "ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
}
