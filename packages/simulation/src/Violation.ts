/** Something happened that must not: the run ends here. */
export class Violation extends Error {
  override readonly name = "Violation"
}
