/** Carries bytes between us and a program on a host, and owns our side of the agent's protocol. */
export { openAgent, type Agent, type Verification, type VerifiedRelease } from "./agent.ts";
export type { Log, LogLine, LogRequest, Running, RunningProcess } from "./running.ts";
export type { Answer } from "./conversation.ts";
export type { Channel, Transport } from "./channel.ts";
export type { ExamineRequest, HostExamination, PlatformExamination } from "./examination.ts";
export type { BareHost, BringInterpreter } from "./ssh.ts";
export { describeWay, openWays, type Ways } from "./ways.ts";
