import { describe, expect, it } from "vitest";
import { examineHosts } from "../../src/deploy/doctor/examine-hosts.ts";
import type { Finding } from "../../src/deploy/doctor/findings.ts";
import { printHostSetup } from "../../src/deploy/observe/host-setup.ts";
import type { Package, PackageName, Target, Workspace } from "../../src/model/index.ts";
import { lacking } from "../support/hosts.ts";
import { useGround, type Ground } from "./ground.ts";

const missing = lacking("systemd");
const name = "d" as PackageName;
const web: Package = {
  name, written: "d", kind: "files", source: { path: "." }, needs: [], extras: [], prefix: "", link: "auto", start: [], hooks: [],
  processes: [{ name: "web", argv: ["sleep", "1000"], environment: {}, requires: [] }],
};
const workspace: Workspace = { directory: "/", name, platforms: [], packages: [web], targets: [], interpreters: {}, index: { findLinks: [] } };

describe.skipIf(missing !== undefined)(`doctor on a real systemd${missing === undefined ? "" : ` (${missing})`}`, () => {
  let ground: Ground;
  useGround((opened) => (ground = opened));

  async function ill(target: Target): Promise<readonly Finding[]> {
    const [examined] = await examineHosts(ground.bench.ctx, target, workspace, () => Promise.resolve(ground.bench.store));
    return (examined?.findings ?? []).filter(({ well }) => !well);
  }

  it("fault 35: prints what sudo must allow where it asks for a password, and is content when root has done so", async () => {
    const target = ground.target("d", { as: "deploy" });
    const [finding, ...others] = await ill(target);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ what: "service", says: expect.stringMatching(/^`deploy` may not start processes with sudo and without a password \(.*password.*\)$/) as string });
    expect(finding?.mend).toMatch(/^as root: run what `caisson units --to production` prints.*\nDefaults:deploy !requiretty\n(deploy ALL=\(root\) NOPASSWD: \/usr\/bin\/(systemctl|journalctl) .*caisson-d.*\n?){4}$/);
    const script = await printHostSetup(ground.bench.ctx, ground.bench.store, workspace, { target });
    await ground.host.enter(["/bin/sh", "-s"], { input: script });
    expect(await ill(target)).toEqual([]);
  });

  it("says of a user who is missing, and of one who does not linger, what root types", async () => {
    expect(await ill({ ...ground.target("e"), user: "nobody-here" })).toMatchObject([{ what: "user", mend: "as root: useradd --system --shell /usr/sbin/nologin nobody-here" }]);
    const { user: _, ...own } = ground.target("e", { as: "deploy", service: { kind: "systemd", scope: "user" } });
    expect(await ill(own)).toEqual([]);
    await ground.sh("loginctl disable-linger deploy || rm /var/lib/systemd/linger/deploy");
    expect(await ill(own)).toMatchObject([{ what: "service", mend: "as root: loginctl enable-linger deploy" }]);
  });
});
