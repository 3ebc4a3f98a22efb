// How a mode hands on what it found; run.ts prints it and makes the exit code of it.

/** What a mode has found. */
export interface Found {
  /** For people: lines to print. */
  readonly text: readonly string[]
  /** The same as data, with every sample. */
  readonly data: object
  /** What failed or was wrong, a line each. */
  readonly failures: readonly string[]
}
