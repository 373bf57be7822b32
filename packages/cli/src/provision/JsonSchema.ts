// The scheme file's schema as JSON Schema, for editors and for programs that write such files.
import { Schema } from "effect"
import { SchemeFile } from "./SchemeFile.ts"

/** As it is published beside this package: `scheme.schema.json`. */
export const schemeJsonSchema = (): string => {
  const { schema, definitions } = Schema.toJsonSchemaDocument(SchemeFile, {
    onExcessProperty: "error",
  })
  const document = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Millrace scheme",
    description: "What `millrace provision` makes: products, merchants, terminals, hosts, cards and payments",
    ...schema,
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions }),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
