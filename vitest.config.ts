import { defineConfig } from "vitest/config"

const report = process.env["MILLRACE_TEST_REPORT"]

export default defineConfig({
  test: {
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real servers, disks and processes on two cores: more workers only make them wait for each other.
    maxWorkers: 2,
  },
})
