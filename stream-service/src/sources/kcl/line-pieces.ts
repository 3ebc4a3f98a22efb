// Lines out of the chunks of a socket. A line of many records comes in hundreds of chunks; it is handed on in those pieces,
// since whoever reads it copies it once in any case.
export class LinePieces {
  #pieces: Uint8Array[] = []

  /** Takes a chunk; answers with the lines that end in it, without their line feeds, each in pieces. Empty lines are left out. */
  take(chunk: Buffer): Uint8Array[][] {
    const lines: Uint8Array[][] = []
    let from = 0
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
      if (at > from) this.#pieces.push(chunk.subarray(from, at))
      if (this.#pieces.length > 0) lines.push(this.#pieces)
      this.#pieces = []
      from = at + 1
    }
    if (from < chunk.length) this.#pieces.push(chunk.subarray(from))
    return lines
  }
}
