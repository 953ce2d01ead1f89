/** With --import: what a command has cost itself, its children left out, as JSON in the file OWN_COST, when it ends. */
import { readFileSync, writeFileSync } from "node:fs";

process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  writeFileSync(process.env.OWN_COST, JSON.stringify({ cpu: (user + system) / 1e6, mb: mostMemory(), wall: performance.now() / 1000 }));
});

/** Megabytes. What getrusage says may be what the process that started us had. */
function mostMemory() {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
}
