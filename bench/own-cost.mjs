/** With --import: what a command has cost itself, its children left out, as JSON in the file OWN_COST, when it ends. */
import { writeFileSync } from "node:fs";

process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  writeFileSync(process.env.OWN_COST, JSON.stringify({ cpu: (user + system) / 1e6, mb: process.resourceUsage().maxRSS / 1024, wall: performance.now() / 1000 }));
});
