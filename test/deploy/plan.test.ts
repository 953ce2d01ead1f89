import { describe, expect, it } from "vitest";
import { lackingTrees, planDeploy, type DeployRequest } from "../../src/deploy/plan/plan.ts";
import { parsePlan, printPlan } from "../../src/deploy/plan/plan-file.ts";
import { planPrune } from "../../src/deploy/plan/plan-prune.ts";
import { planRollback } from "../../src/deploy/plan/plan-rollback.ts";
import { payloadPath, treePath, type Sending, type Sendings } from "../../src/deploy/wire/sending.ts";
import type { Hook, HostState, Plan, Problem, Release } from "../../src/model/index.ts";
import { blob, digest, emptyHost, facts, host, label, packageName, payloadOf, target } from "./samples.ts";

const hello = payloadOf({ name: "hello", version: "1.10", trees: [{ id: "a", document: "1", blob: "b", size: 500 }, { id: "c", document: "2", blob: "d", size: 30 }], document: "3" });
const ref = { name: packageName("hello"), label: label("1.10") };
const stack = digest("f");
const staged: Release = { label: label("1.10"), stack, name: packageName("hello"), state: "staged" };
const older: Release = { label: label("1.9"), stack: digest("e"), name: packageName("hello"), state: "active" };

function request(states: readonly HostState[], change: Partial<DeployRequest> = {}): DeployRequest {
  return { ref, stack, target: target(), payloads: [hello.document], trees: new Map(hello.trees), hosts: states.map((state) => ({ host: host(state.host), state })), ...change };
}

function planned(asked: DeployRequest): Plan {
  const result = planDeploy(asked);
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.plan;
}

function stepNames(asked: DeployRequest): readonly string[] | undefined {
  return planned(asked).hosts[0]?.steps.map(({ step }) => step);
}

function refused(asked: DeployRequest): readonly Problem[] {
  const result = planDeploy(asked);
  if ("plan" in result) throw new Error("a plan was made");
  return result.problems;
}

describe("planRollback", () => {
  const newer: Release = { ...staged, state: "active" };
  const both: HostState = { ...emptyHost("h1"), generation: 4, current: label("1.10"), previous: label("1.9"), releases: [{ ...older, state: "retired" }, newer] };

  it("switches to the previous release, sends nothing, and knows it by its own name", () => {
    const result = planRollback({ target: target(), hosts: [{ host: host("h1"), state: both }], payloadsOf: () => [] });
    expect(result).toMatchObject({
      plan: {
        action: "rollback", ref: { name: "hello", label: "1.9" },
        hosts: [{ from: "1.10", to: "1.9", sendBytes: 0, saw: { generation: 4, current: "1.10" }, steps: [{ step: "activate", release: "1.9", saw: "1.10" }, { step: "confirm", release: "1.9" }] }],
      },
    });
  });

  it("checks the health of what it goes back to, where this store knows how", () => {
    const service = { kind: "command", restart: "true" } as const;
    const payload = { ...hello.document.payload, health: { url: "http://127.0.0.1:1/" } };
    const result = planRollback({ target: target({ service }), hosts: [{ host: host("h1"), state: both }], payloadsOf: () => [payload] });
    expect("plan" in result && result.plan.hosts[0]?.steps.map(({ step }) => step)).toEqual(["activate", "restart", "check", "confirm"]);
  });

  it("refuses all hosts when one cannot go back", () => {
    const result = planRollback({ target: target(), to: label("1.9"), hosts: [{ host: host("h1"), state: both }, { host: host("h2"), state: emptyHost("h2") }], payloadsOf: () => [] });
    expect(result).toEqual({ problems: [{ code: "ref-unknown", message: "h2 has no release `1.9`", hint: "releases there: none" }] });
  });
});

describe("planPrune", () => {
  it("spares the current, the previous and the newest of the others", () => {
    const releases = ["1", "2", "3", "4", "5"].map((text): Release => ({ ...older, label: label(text), state: "retired" }));
    const state: HostState = { ...emptyHost("h1"), current: label("2"), previous: label("5"), releases };
    expect(planPrune(target(), [{ host: host("h1"), state }], 1).hosts[0]).toMatchObject({ removes: ["1", "3"], steps: [{ step: "prune", keep: 1 }], from: "2", to: null });
    expect(planPrune(target(), [{ host: host("h1"), state }], 3).hosts[0]?.removes).toEqual([]);
  });
});

describe("a plan in a file", () => {
  it("is the same plan again", () => {
    const plan = planned(request([emptyHost("h1")]));
    expect(parsePlan("plan.json", printPlan(plan))).toEqual(plan);
  });

  it.each<readonly [string, (plan: string) => string, RegExp]>([
    ["no JSON", () => "{", /not a plan/],
    ["another step", (text) => text.replace('"step":"confirm"', '"step":"format"'), /step is `format`/],
    ["a path for a label", (text) => text.replace('"to":"1.10"', '"to":"../../x"'), /to is `\.\.\/\.\.\/x`/],
    ["a digest that is none", (text) => text.replace(/"digest":"sha256:b+"/, '"digest":"sha256:b"'), /blob\.digest is `sha256:b`/],
    ["a word too many", (text) => text.replace('"hooks":0', '"hooks":0,"force":true'), /force/],
  ])("is refused with %s", (_, change, message) => {
    const text = change(printPlan(planned(request([emptyHost("h1")]))));
    expect(() => parsePlan("plan.json", text)).toThrow(message);
  });
});

describe("planDeploy", () => {
  it("sends an empty host everything, each tree behind its bytes and the release behind all of them, and then switches", () => {
    expect(planned(request([emptyHost("h1")]))).toEqual({
      schema: "caisson.plan/1",
      action: "deploy",
      stack,
      ref,
      target: "production",
      policy: target().policy,
      hosts: [
        {
          host: host("h1"),
          saw: { generation: 0, current: null },
          from: null,
          to: "1.10",
          steps: [
            { step: "receive", blob: blob("1", 10) },
            { step: "receive", blob: blob("b", 500) },
            { step: "tree", id: digest("a"), document: blob("1", 10), python: "3.11" },
            { step: "receive", blob: blob("2", 10) },
            { step: "receive", blob: blob("d", 30) },
            { step: "tree", id: digest("c"), document: blob("2", 10), python: "3.11" },
            { step: "receive", blob: blob("3", 100) },
            { step: "stage", release: "1.10", stack: { name: "hello", digest: stack }, payloads: [blob("3", 100)] },
            { step: "activate", release: "1.10", saw: null, undoAfter: 20, service: { kind: "none" } },
            { step: "confirm", release: "1.10" },
          ],
          sendBytes: 650,
          keptBytes: 0,
          restarts: [],
          hooks: 0,
          removes: [],
        },
      ],
    });
  });

  it("names the exceptions that wheels of the release need, where a host changes, and keeps them in a file", () => {
    const exceptions = [{ wheel: digest("b"), fileName: "demo-1.0-py3-none-any.whl", rule: "W8", reason: "its author patched it in place" }];
    const payloads = [{ ...hello.document, payload: { ...hello.document.payload, exceptions } }];
    const plan = planned(request([emptyHost("h1")], { payloads }));
    expect(plan.exceptions).toEqual(exceptions);
    expect(parsePlan("plan.json", printPlan(plan))).toEqual(plan);
    const active: HostState = { ...emptyHost("h1"), generation: 7, current: ref.label, releases: [{ ...staged, state: "active" }] };
    expect(planned(request([active], { payloads })).exceptions).toBeUndefined();
  });

  it("sends what has changed and nothing else", () => {
    const state: HostState = { ...emptyHost("h1"), generation: 7, current: label("1.9"), releases: [older], trees: [digest("a")] };
    const [plan] = planned(request([state])).hosts;
    expect(plan?.saw).toEqual({ generation: 7, current: "1.9" });
    expect(plan?.steps.map((step) => (step.step === "receive" ? `receive ${step.blob.digest.at(-1)}` : step.step === "tree" ? `tree ${step.id.at(-1)}` : step.step))).toEqual(["receive 2", "receive d", "tree c", "receive 3", "stage", "activate", "confirm"]);
    expect([plan?.sendBytes, plan?.keptBytes]).toEqual([140, 510]);
  });

  it("row P11: does nothing where this very stack is current", () => {
    const state: HostState = { ...emptyHost("h1"), current: label("1.10"), releases: [{ ...staged, state: "active" }] };
    expect(planned(request([state], { trees: new Map() })).hosts[0]).toMatchObject({ steps: [], sendBytes: 0, keptBytes: 650, restarts: [] });
  });

  it("only switches where the release is staged already", () => {
    const state: HostState = { ...emptyHost("h1"), current: label("1.9"), releases: [older, staged] };
    expect(planned(request([state], { trees: new Map() })).hosts[0]?.steps).toEqual([
      { step: "activate", release: "1.10", saw: "1.9", undoAfter: 20, service: { kind: "none" } },
      { step: "confirm", release: "1.10" },
    ]);
  });

  describe("with more than one way to send what is lacking", () => {
    const member: Sending["receives"][number] = { step: "receive", blob: blob("e", 20), source: { from: "member", blob: digest("d"), member: "c.py" }, packed: { size: 8 } };
    const told: Sending["receives"][number] = { step: "receive", blob: blob("2", 10), packed: { size: 3, base: { path: treePath(digest("9")), source: { from: "blob", blob: digest("8") } } } };
    const sendings: Sendings = new Map([
      [digest("c"), [{ like: [], receives: [{ step: "receive", blob: blob("2", 10) }, { step: "receive", blob: blob("d", 30), packed: { size: 25 } }] }, { like: [digest("9")], receives: [told, member] }]],
      [digest("3"), [{ like: [], beside: { label: label("1.9"), stack: older.stack }, receives: [{ step: "receive", blob: blob("3", 100), packed: { size: 12, base: { path: payloadPath(label("1.9"), "hello"), source: { from: "blob", blob: digest("7") } } } }] }]],
    ]);
    const has = (...trees: readonly string[]): HostState => ({ ...emptyHost("h1"), generation: 7, current: label("1.9"), releases: [older], trees: trees.map((tree) => digest(tree)) });

    it("sends the members that have changed to a host with a tree like it", () => {
      const [plan] = planned(request([has("a", "9")], { sendings })).hosts;
      expect(plan?.steps.slice(0, 4)).toEqual([told, member, { step: "tree", id: digest("c"), document: blob("2", 10), python: "3.11", like: [digest("9")] }, { step: "receive", blob: blob("3", 100), packed: expect.objectContaining({ size: 12 }) as unknown }]);
      expect(plan?.sendBytes).toBe(3 + 8 + 12);
    });

    it("takes nothing from a tree that is not there, or is damaged, and no document of a release that is not there", () => {
      const without = planned(request([has("a")], { sendings })).hosts[0];
      const damaged = planned(request([{ ...has("a", "9"), damaged: [digest("9")] }], { sendings })).hosts[0];
      expect([without?.sendBytes, damaged?.sendBytes]).toEqual([10 + 25 + 12, 10 + 25 + 12]);
      expect(planned(request([{ ...has("a", "9"), releases: [] }], { sendings })).hosts[0]?.sendBytes).toBe(3 + 8 + 100);
      expect([...(without?.steps ?? []), ...(damaged?.steps ?? [])].filter((step) => step.step === "tree" && step.like !== undefined)).toEqual([]);
    });
  });

  it("names the trees that some host lacks, each once", () => {
    const one: HostState = { ...emptyHost("h1"), trees: [digest("a")] };
    expect(lackingTrees(request([one, { ...one, host: "h2" }]))).toEqual([blob("2", 10)]);
    expect(lackingTrees(request([one, emptyHost("h2")]))).toEqual([blob("2", 10), blob("1", 10)]);
    expect(lackingTrees(request([{ ...one, releases: [staged] }]))).toEqual([]);
  });

  it("restarts and checks where something starts processes", () => {
    const health = { url: "http://127.0.0.1:8000/health" };
    const web = payloadOf({ name: "hello", version: "1.10", trees: [], document: "3", health, processes: [{ name: "web", argv: ["web"], environment: {}, requires: [] }] });
    const service = { kind: "command", restart: "systemctl restart hello" } as const;
    const [plan] = planned(request([emptyHost("h1")], { payloads: [web.document], target: target({ service }) })).hosts;
    expect(plan?.steps.slice(2)).toEqual([
      { step: "activate", release: "1.10", saw: null, undoAfter: 20, service },
      { step: "restart", release: "1.10", service },
      { step: "check", release: "1.10", package: "hello", health, minHealthy: 10, deadline: 60 },
      { step: "confirm", release: "1.10" },
    ]);
    expect(plan?.restarts).toEqual(["web"]);
  });

  it("asks no address where nothing is started, but runs a command", () => {
    const asked = payloadOf({ name: "hello", version: "1.10", trees: [], document: "3", health: { url: "http://127.0.0.1:8000/" } });
    expect(stepNames(request([emptyHost("h1")], { payloads: [asked.document] }))).toEqual(["receive", "stage", "activate", "confirm"]);
    const run = payloadOf({ name: "hello", version: "1.10", trees: [], document: "3", health: { argv: ["hello", "--check"] } });
    expect(stepNames(request([emptyHost("h1")], { payloads: [run.document] }))).toEqual(["receive", "stage", "activate", "check", "confirm"]);
  });

  it("starts processes where the caller does so itself, whatever the service", () => {
    const web = payloadOf({ name: "hello", version: "1.10", trees: [], document: "3", health: { url: "http://127.0.0.1:8000/" } });
    expect(stepNames(request([emptyHost("h1")], { payloads: [web.document], starts: true }))).toEqual(["receive", "stage", "activate", "restart", "check", "confirm"]);
  });

  it("gives a host the packages of its roles and those that no role names", () => {
    const util = payloadOf({ name: "util", version: "1", trees: [], document: "4" });
    const web = payloadOf({ name: "web", version: "1", trees: [], document: "5" });
    const roles = { front: { hosts: ["h1"], packages: [packageName("web")] } };
    const plan = planned(request([emptyHost("h1"), emptyHost("h2")], { payloads: [util.document, web.document], target: target({ roles }) }));
    expect(plan.hosts.map(({ steps }) => steps.flatMap((step) => (step.step === "stage" ? step.payloads : [])))).toEqual([[blob("4", 100), blob("5", 100)], [blob("4", 100)]]);
  });

  it("refuses a host that no role gives a package", () => {
    const roles = { front: { hosts: ["h1"], packages: [packageName("hello")] } };
    expect(refused(request([emptyHost("h1"), emptyHost("h2")], { target: target({ roles }) }))).toEqual([{ code: "config-invalid", message: "no role of `production` gives h2 a package of `hello@1.10`", hint: "name the host in a role, or take it out of the target" }]);
  });

  it("refuses a host that has something else under the label", () => {
    const state: HostState = { ...emptyHost("h1"), releases: [{ ...staged, stack: digest("9") }] };
    expect(refused(request([state]))).toEqual([{ code: "host-changed", message: "h1 has another `hello@1.10`", hint: "deploy it under another label: caisson stack create NAME --from 1.10" }]);
  });

  it("refuses a root that belongs to another stack", () => {
    const state: HostState = { ...emptyHost("h1"), releases: [{ ...older, name: packageName("shop") }] };
    expect(refused(request([state]))).toEqual([{ code: "host-changed", message: "`/srv/h1` on h1 belongs to the stack `shop`", hint: "give each stack a root of its own" }]);
  });

  it("row P6: names every host that cannot run it, and why, before anything is made", () => {
    const states: readonly HostState[] = [
      { ...emptyHost("h1"), facts: { ...facts, arch: "aarch64" } },
      { ...emptyHost("h2"), facts: { ...facts, libc: { family: "musl", version: "1.2" } } },
      { ...emptyHost("h3"), facts: { ...facts, libc: { family: "glibc", version: "2.4" } } },
      { ...emptyHost("h4"), facts: { ...facts, python: "3.12.1", pythons: { "3.12": "/usr/bin/python3.12", "3.9": "/usr/bin/python3.9" } } },
      { ...emptyHost("h5"), facts: { ...facts, libc: { family: "glibc", version: "2.41" }, pythons: {} } },
    ];
    expect(refused(request(states)).map(({ code, message }) => `${code}: ${message}`)).toEqual([
      "host-unfit: h1 is aarch64, but `hello` is built for debian-12 (x86_64)",
      "host-unfit: h2 has musl, but `hello` is built for debian-12 (glibc)",
      "host-unfit: h3 has glibc 2.4, but `hello` is built for debian-12 (glibc 2.36)",
      "interpreter-unfit: `hello` needs CPython 3.11, and h4 has 3.9, 3.12",
    ]);
  });
});

const hook = (at: Hook["at"], once: Hook["once"], reversible: boolean, word: string): Hook => ({ at, argv: [word], once, reversible, timeout: 60 });
const withHooks = (...hooks: readonly Hook[]): DeployRequest["payloads"] => [{ ...hello.document, payload: { ...hello.document.payload, hooks, health: { argv: ["well"] } } }];
const words = (plan: Plan, at: number): readonly string[] => plan.hosts[at]?.steps.filter(({ step }) => step !== "receive" && step !== "tree").map((step) => (step.step === "hook" ? step.hook.argv.join(" ") : step.step)) ?? [];
const compared = (change: Partial<DeployRequest>, privileges: "root" | "user"): boolean => planned(request([{ ...emptyHost("h1"), facts: { ...facts, privileges, account: "shop" } }], change)).hosts[0]?.steps.some((step) => step.step === "activate" && step.compare === true) === true;

describe("planDeploy with hooks, values and a user", () => {
  it("runs each hook at its place, and what is for all hosts on the first that is changed", () => {
    const payloads = withHooks(hook("after-activate", "host", true, "after"), hook("before-activate", "host", true, "before"), hook("before-activate", "stack", true, "once"), hook("stage", "host", true, "staged"), hook("remove", "host", true, "never"));
    const current: HostState = { ...emptyHost("h1"), current: label("1.10"), releases: [{ ...staged, state: "active" }] };
    const plan = planned(request([current, emptyHost("h2"), emptyHost("h3")], { payloads }));
    expect([0, 1, 2].map((at) => words(plan, at))).toEqual([
      [],
      ["stage", "staged", "once", "before", "activate", "check", "after", "confirm"],
      ["stage", "staged", "ran", "before", "activate", "check", "after", "confirm"],
    ]);
    expect(plan.hosts.map(({ hooks }) => hooks)).toEqual([0, 4, 3]);
  });

  it("runs nothing again that has done its work for this release, on any host where it is for all", () => {
    const payloads = withHooks(hook("stage", "host", true, "staged"), hook("before-activate", "stack", false, "once"));
    const failed: HostState = { ...emptyHost("h1"), releases: [{ ...staged, ran: ["hello stage: staged"] }] };
    const elsewhere: HostState = { ...emptyHost("h2"), releases: [{ ...staged, ran: ["hello before-activate: once"] }] };
    const plan = planned(request([failed, elsewhere], { payloads }));
    expect([words(plan, 0), words(plan, 1)]).toEqual([["ran", "activate", "check", "confirm"], ["staged", "activate", "check", "confirm"]]);
    expect(plan.hosts[0]?.steps[0]).toMatchObject({ step: "ran", release: staged.label, package: "hello", hook: { argv: ["once"] }, host: "h2" });
  });

  it("tells every host of what cannot be undone, except of what it will only run itself behind its switch", () => {
    const payloads = withHooks(hook("before-activate", "stack", false, "once"), hook("stage", "host", false, "own"), hook("after-activate", "stack", false, "late"), hook("before-activate", "host", true, "fine"));
    const plan = planned(request([emptyHost("h1"), emptyHost("h2")], { payloads }));
    const named = plan.hosts.map(({ steps }) => steps.flatMap((step) => (step.step === "activate" ? (step.irreversible ?? []) : [])));
    expect(named).toEqual([["hello before-activate: once", "hello stage: own"], ["hello after-activate: late", "hello before-activate: once", "hello stage: own"]]);
  });

  it("looks at trees where something may have written into them", () => {
    const hooks = withHooks(hook("stage", "host", true, "staged"));
    expect([compared({}, "user"), compared({}, "root"), compared({ target: target({ user: "shop" }) }, "root"), compared({ payloads: hooks }, "user"), compared({ payloads: hooks, target: target({ user: "shop" }) }, "root")]).toEqual([false, true, false, true, true]);
  });

  it("sends values only where others are in force, and never has them in the plan, which is the same plan again from a file", () => {
    const environment = { names: ["PASSWORD"], digestWith: (key: string) => `${key}-digest` };
    const inForce: HostState = { ...emptyHost("h1"), environment: { key: "1", digest: "1-digest", packages: [packageName("hello")] } };
    const others: HostState = { ...emptyHost("h2"), environment: { key: "2", digest: "1-digest", packages: [packageName("hello")] } };
    const payloads = withHooks(hook("before-activate", "stack", false, "once"));
    const wanted = target({ hosts: [host("h1"), host("h2"), host("h3")], environment: ["/work/.env"], user: "shop" });
    const root = { ...facts, privileges: "root" as const };
    const plan = planned(request([{ ...inForce, facts: root }, { ...others, facts: root }, { ...emptyHost("h3"), facts: root }], { environment, payloads, target: wanted }));
    expect([0, 1, 2].map((at) => words(plan, at))).toEqual([["stage", "once", "activate", "check", "confirm"], ["stage", "environment", "ran", "activate", "check", "confirm"], ["stage", "environment", "ran", "activate", "check", "confirm"]]);
    expect(plan.environment).toEqual(["/work/.env"]);
    expect(plan.hosts[0]?.steps.filter((step) => "user" in step && step.user === "shop").map(({ step }) => step)).toEqual(["stage", "hook", "check"]);
    expect(parsePlan("plan.json", printPlan(plan))).toEqual(plan);
  });

  it("refuses a user that it cannot become, a root that is not fit, and a way back across what cannot be undone", () => {
    const across: HostState = { ...emptyHost("h2"), current: label("1.11"), releases: [{ ...staged, state: "retired", across: ["hello before-activate: migrate"] }, { ...older, label: label("1.11") }] };
    const unfit: HostState = { ...emptyHost("h1"), facts: { ...facts, account: "deploy" }, unfit: "`/srv/h1` cannot be written by `deploy`" };
    expect(refused(request([unfit, across], { target: target({ user: "shop" }) })).map(({ code, message }) => `${code}: ${message}`)).toEqual([
      "permission: only root can run processes as `shop`, and on h1 you are `deploy`", "permission: h1: `/srv/h1` cannot be written by `deploy`",
      "permission: only root can run processes as `shop`, and on h2 you are `somebody else`", "hook-failed: going back to `1.10` crosses `hello before-activate: migrate`, which cannot be undone",
    ]);
    expect(planned(request([across], { acrossHooks: true })).hosts[0]?.to).toBe("1.10");
  });

  it("lets systemd start processes as anybody, and needs root for what is not systemd's to start", () => {
    const service = { kind: "systemd", scope: "system" } as const;
    const deployer: HostState = { ...emptyHost("h1"), facts: { ...facts, account: "deploy" } };
    expect(planned(request([deployer], { target: target({ user: "shop", service }) })).hosts).toHaveLength(1);
    expect(refused(request([deployer], { target: target({ user: "shop", service }), payloads: withHooks(hook("stage", "host", true, "staged")) })).map(({ message }) => message)).toEqual(["only root can run the hooks of `hello` as `shop`"]);
  });
});
