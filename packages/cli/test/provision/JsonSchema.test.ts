import { readFileSync } from "node:fs"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { readTown } from "../../src/demo/Town.ts"
import { schemeJsonSchema } from "../../src/provision/JsonSchema.ts"

describe("the JSON Schema of scheme files", () => {
  const published = readFileSync(new URL("../../scheme.schema.json", import.meta.url), "utf8")

  it("is published as the program prints it: `millrace provision --schema > scheme.schema.json`", () => {
    expect(JSON.parse(published)).toEqual(JSON.parse(schemeJsonSchema()))
  })

  it("says of every key of the file what it is for", () => {
    const { properties } = JSON.parse(published)
    for (const key of ["calendar", "products", "merchants", "terminals", "hosts", "cards", "funds"]) {
      expect(properties[key].description).toMatch(/./)
    }
    const product = properties.products.items
    expect(product.additionalProperties).toBe(false)
    expect(product.required).toEqual(["number", "name", "currency", "bin"])
    expect(product.properties.bin.description).toMatch(/digits/)
  })
})

it("the demo's town is a scheme with all that there is", async () => {
  const { scheme, crowdCards, terminals } = await Effect.runPromise(readTown)
  expect(Object.keys(scheme).sort()).toEqual(
    ["calendar", "cards", "funds", "hosts", "merchants", "products", "terminals"].sort(),
  )
  expect(terminals).toHaveLength(20)
  expect(crowdCards).toHaveLength(200)
  expect(new Set(crowdCards).size).toBe(200)
})
