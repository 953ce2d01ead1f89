import { describe, expect, it } from "vitest";
import { planDeploy } from "../../src/deploy/plan/plan.ts";
import { planRollback } from "../../src/deploy/plan/plan-rollback.ts";
import { checkProcesses, healthOf, unitSteps } from "../../src/deploy/plan/service-steps.ts";
import type { Payload, Process, Service, Target } from "../../src/model/index.ts";
import { emptyHost, facts, host, label, packageName, payloadOf, target } from "./samples.ts";

const systemd: Service = { kind: "systemd", scope: "system" };
const place = { stack: packageName("shop"), root: "/srv/shop" };

function process(name: string, more: Partial<Process> = {}): Process {
  return { name, argv: [name], environment: {}, requires: [], ...more };
}

/** A payload with what starts its processes. */
function built(name: string, processes: readonly Process[], more: Partial<Payload> = {}): Payload {
  const { payload } = payloadOf({ name, version: "1", trees: [], document: "1", processes }).document;
  return { ...payload, links: processes.map((each) => ({ how: "symlink", path: `processes/${each.name}`, tree: payload.trees[0]?.id ?? `sha256:${"0".repeat(64)}`, to: "root/x" })), ...more };
}

function servedBy(service: Service, more: Partial<Target> = {}): Target {
  return target({ service, user: "shop", hosts: [host("h1")], ...more });
}

describe("a target whose processes systemd starts", () => {
  const document = { ...payloadOf({ name: "web", version: "2", trees: [], document: "1" }).document, payload: built("web", [process("web", { listen: "127.0.0.1:80" }), process("nightly", { schedule: "daily" })]) };
  const request = { ref: { name: packageName("shop"), label: label("2") }, stack: document.document.digest, target: servedBy(systemd), payloads: [document], trees: new Map(), hosts: [{ host: host("h1"), state: { ...emptyHost("h1"), facts: { ...facts, privileges: "root" as const } } }] };

  it("is told of the units before the switch, started after it, and looked at through systemd", () => {
    const planned = planDeploy(request);
    const [plan] = "plan" in planned ? planned.plan.hosts : [];
    expect(plan?.steps.map(({ step }) => step)).toEqual(["receive", "stage", "units", "activate", "restart", "check", "confirm"]);
    expect(plan?.restarts).toEqual(["web"]);
    expect(plan?.steps.find(({ step }) => step === "units")).toMatchObject({ release: "2", service: systemd, units: { user: "shop", files: [{ name: "caisson-shop-web-nightly.service" }, { name: "caisson-shop-web-nightly.timer" }, { name: "caisson-shop-web-web.service" }, { name: "caisson-shop.target" }] } });
    expect(plan?.steps.find(({ step }) => step === "restart")).toMatchObject({ service: systemd, deadline: 60 });
    expect(plan?.steps.find(({ step }) => step === "check")).toMatchObject({ service: systemd, health: { url: "tcp://127.0.0.1:80" } });
  });

  it("goes back to a release whose processes only the host knows", () => {
    const state = { ...emptyHost("h1"), current: label("2"), previous: label("1"), releases: [{ label: label("1"), stack: request.stack, name: packageName("shop"), state: "retired" as const }], facts: { ...facts, privileges: "root" as const } };
    const planned = planRollback({ target: servedBy(systemd), hosts: [{ host: host("h1"), state }], payloadsOf: () => [] });
    expect("plan" in planned && planned.plan.hosts[0]?.steps.map((step) => [step.step, "units" in step])).toEqual([["units", false], ["activate", false], ["restart", false], ["confirm", false]]);
  });

  it("starts of a start table what fits, and always what a timer starts", () => {
    const chosen = built("core", [process("web"), process("engine"), process("nightly", { schedule: "daily" })], { start: [{ when: { WEB: "1" }, process: "web" }, { process: "engine" }] });
    const [step] = unitSteps(servedBy(systemd), place, label("1"), [chosen]);
    expect(step?.step === "units" && step.units?.files.map(({ name }) => name)).toEqual(["caisson-shop-core-engine.service", "caisson-shop-core-nightly.service", "caisson-shop-core-nightly.timer", "caisson-shop.target"]);
    expect(unitSteps(servedBy({ kind: "none" }), place, label("1"), [chosen])).toEqual([]);
  });
});

describe("the health of a package that does not say how it is told", () => {
  it.each([["127.0.0.1:80", "tcp://127.0.0.1:80"], ["0.0.0.0:80", "tcp://127.0.0.1:80"], ["*:80", "tcp://127.0.0.1:80"], ["[::]:80", "tcp://[::1]:80"], ["shop.example.com:80", "tcp://shop.example.com:80"]])("is a connection where it listens: %s", (listen, url) => {
    expect(healthOf(built("web", [process("web", { listen })]), { kind: "none" })).toEqual({ url });
  });

  it("is that its processes live, where systemd starts them, and nothing elsewhere", () => {
    const worker = built("worker", [process("worker")]);
    expect([healthOf(worker, systemd), healthOf(worker, { kind: "none" }), healthOf(built("x", []), systemd)]).toEqual([{}, undefined, undefined]);
    expect(healthOf(built("web", [process("web", { listen: "h:1" })], { health: { argv: ["check"] } }), systemd)).toEqual({ argv: ["check"] });
  });
});

describe("what systemd cannot start", () => {
  const root = { ...facts, privileges: "root" as const };
  const codes = (payloads: readonly Payload[], who = root) => checkProcesses(servedBy(systemd), place, who, payloads).map(({ code, message }) => `${code}: ${message}`);

  it("is a process of an older Caisson's package, two processes with one unit, and a name that is too long", () => {
    expect(codes([built("web", [process("web")], { links: [] })])).toEqual(["host-unfit: `web` has nothing that starts its process `web`; an older Caisson built it"]);
    expect(codes([built("a", [process("b-c")]), built("a-b", [process("c")])])).toEqual(["collision: `b-c` of `a` and `c` of `a-b` would have the same unit of systemd, `caisson-shop-a-b-c`"]);
    expect(codes([built("a".repeat(230), [process("web")])])).toEqual([`name-invalid: \`web\` of \`${"a".repeat(230)}\` makes a name that is too long for systemd`]);
    expect(codes([built("web", [process("web")])])).toEqual([]);
  });

  it("is what another user is to run and only root could start", () => {
    const health = { argv: ["check"] };
    expect(codes([built("web", [], { health })], { ...facts, account: "deploy" } as typeof root)).toEqual(["permission: only root can run the health command of `web` as `shop`"]);
    expect(codes([built("web", [], { health })])).toEqual([]);
  });

  it("is nobody's business where something else starts processes", () => {
    expect(checkProcesses(servedBy({ kind: "none" }), place, facts, [built("web", [process("web")], { links: [] })])).toEqual([]);
  });
});
