// What a card has and what can happen to it, by name: the same words in messages, commands and files.

/** The purses of a card, by their places. */
export const purseNames = [
  "main",
  "bonus",
  "category1",
  "category2",
  "category3",
  "category4",
  "category5",
  "category6",
  "points",
] as const
export type PurseName = (typeof purseNames)[number]

/** The steps of a card's life that a command can ask for. */
export const lifecycleActions = [
  "activate",
  "lock",
  "unlock",
  "lost",
  "stolen",
  "blacklist",
  "release",
  "cancel",
  "return",
  "replace",
  "name",
] as const
export type LifecycleAction = (typeof lifecycleActions)[number]
