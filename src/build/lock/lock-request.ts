import type { Package, Platform } from "../../model/index.ts";
import type { LockRequest } from "./requirements.ts";
import type { Session } from "../session.ts";
import { turretRequirements } from "../turret/package.ts";

/** What decides which distributions a package gets; some back ends have to be asked what they need. */
export function lockRequest(session: Session, pkg: Package, platform: Platform): LockRequest {
  return {
    workspace: session.workspace,
    package: pkg,
    platform,
    source: (member) => (member.kind === "turret" ? turretRequirements(session.source(member), member) : session.source(member)),
    requires: async (member) => {
      const { readOwn } = await import("../payload/content.ts");
      return (await readOwn(session, member, platform))?.distribution.requires ?? [];
    },
    offline: session.offline,
    beyond: session.beyondLocks,
  };
}
