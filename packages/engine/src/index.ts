/** @millrace/engine: who does it. Shards as supervised fibers over one lane, its commits and its recovery. */
export { Restarting } from "./Commands.ts"
export {
  defaultEngineOptions,
  Engine,
  EngineMisconfigured,
  type EngineOptions,
  engineProblem,
} from "./Engine.ts"
export { Lane, type LaneBlock, type LaneLimits } from "./Lane.ts"
export { type Recovered, RecoveryRefused } from "./Recovery.ts"
export type { Receiver } from "./Seats.ts"
export { commitMsBuckets, type Tally } from "./Tally.ts"
