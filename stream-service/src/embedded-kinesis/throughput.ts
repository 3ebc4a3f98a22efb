// What one shard takes and gives per second, when a stream is run with the limits of AWS. Source: "Quotas and limits",
// Kinesis Data Streams developer guide: writes 1,000 records/s and 1 MB/s; reads 5 GetRecords/s and 2 MB/s, where a call
// that returns more makes the following calls fail until the excess is paid off.

const WRITE_RECORDS_PER_SECOND = 1_000
const WRITE_BYTES_PER_SECOND = 1_048_576
const READ_CALLS_PER_SECOND = 5
const READ_BYTES_PER_SECOND = 2_097_152

export class ShardThroughput {
  #writeSecond = 0
  #writeRecords = 0
  #writeBytes = 0
  #readSecond = 0
  #readCalls = 0
  #readBytes = 0

  /** Takes the room for one record, or says that there is none in this second. */
  takeWrite(now: number, bytes: number): boolean {
    const second = Math.floor(now / 1000)
    if (second !== this.#writeSecond) {
      // A single record may be larger than the share of one second; what it took too much is paid by the next ones.
      this.#writeBytes = excess(this.#writeBytes, WRITE_BYTES_PER_SECOND, second - this.#writeSecond)
      this.#writeRecords = 0
      this.#writeSecond = second
    }
    if (this.#writeRecords >= WRITE_RECORDS_PER_SECOND) return false
    if (this.#writeBytes > 0 && this.#writeBytes + bytes > WRITE_BYTES_PER_SECOND) return false
    this.#writeRecords++
    this.#writeBytes += bytes
    return true
  }

  /** Takes one GetRecords call, or says that calls or bytes of this second are used up. */
  takeRead(now: number): boolean {
    const second = Math.floor(now / 1000)
    if (second !== this.#readSecond) {
      this.#readBytes = excess(this.#readBytes, READ_BYTES_PER_SECOND, second - this.#readSecond)
      this.#readCalls = 0
      this.#readSecond = second
    }
    if (this.#readCalls >= READ_CALLS_PER_SECOND || this.#readBytes >= READ_BYTES_PER_SECOND) return false
    this.#readCalls++
    return true
  }

  /** Books what a GetRecords call returned. */
  addReadBytes(bytes: number): void {
    this.#readBytes += bytes
  }
}

function excess(bytes: number, bytesPerSecond: number, seconds: number): number {
  return Math.max(0, bytes - bytesPerSecond * Math.max(1, seconds))
}
