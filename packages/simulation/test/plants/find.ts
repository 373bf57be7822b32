/** Seeds until one fails: `node find.ts FIRST COUNT`. Ends with one line of JSON. */
import { simulate } from "../../src/index.ts"

const [first, count] = process.argv.slice(2).map(Number)
let found: { readonly seed: number; readonly violation: string } | undefined
for (let seed = first; found === undefined && seed < first + count; seed++) {
  const { violation } = await simulate(seed)
  if (violation !== undefined) found = { seed, violation }
}
console.log(JSON.stringify(found ?? null))
