/** The whole engine in one process under a simulated disk, network and clock, drawn from one seed. */
export { type Fault, faultKinds, faultNames, isFault } from "./Faults.ts"
export { type Shrunk, shrink } from "./Shrink.ts"
export { defaultSimulation, type SimulationOptions, type SimulationResult, simulate } from "./Simulation.ts"
