// Sessions: [first, last + gap). Two that touch (one's start is the other's end) are one.
//
// Sessions of different lanes are joined in the merge, and there "touching" is not enough: whether a lane's session may
// join another must not depend on which of them the merge heard of first. The rule has to be a function of the lanes:
// when a start came to be known at the lane's watermark b, every session that ended at e with e - 1 + allowedLateness <= b
// was final for that lane already, and stays apart from it. For records in time this never separates anything, because
// their start lies after the watermark; it decides only about records that came later than the watermark allows and were
// still accepted because their own session reaches beyond it.

/** A start of a session and the watermark its lane had when that start came to be known. */
export interface KnownStart {
  readonly start: number
  readonly knownAt: number
}

export interface SessionSpan {
  readonly start: number
  readonly end: number
  /** The starts this session had over time, without those that another one outdoes. Nearly always one. */
  readonly starts: readonly KnownStart[]
}

/** A pane of a session that was published. */
export interface PublishedSession {
  readonly start: number
  readonly end: number
  readonly index: number
  /** Ids that this pane takes the place of; each of its revisions tells them, for those who keep only the highest. */
  readonly supersedes: readonly string[]
}

/** True when two sessions of one key, from the same lane or from two, belong together. Symmetric. */
export function joins(a: SessionSpan, b: SessionSpan, allowedLatenessMs: number): boolean {
  return (
    a.start <= b.end &&
    b.start <= a.end &&
    wasOpenFor(b.starts, a.end, allowedLatenessMs) &&
    wasOpenFor(a.starts, b.end, allowedLatenessMs)
  )
}

function wasOpenFor(starts: readonly KnownStart[], end: number, allowedLatenessMs: number): boolean {
  for (const { start, knownAt } of starts) {
    if (start <= end && end - 1 + allowedLatenessMs > knownAt) return true
  }
  return false
}

/** The starts of a session that grew to include others; those that another start outdoes (earlier, and known earlier) go. */
export function joinStarts(starts: readonly KnownStart[]): KnownStart[] {
  return starts.filter(
    (a, i) =>
      !starts.some(
        (b, j) =>
          i !== j &&
          b.start <= a.start &&
          b.knownAt <= a.knownAt &&
          (j < i || b.start < a.start || b.knownAt < a.knownAt),
      ),
  )
}
