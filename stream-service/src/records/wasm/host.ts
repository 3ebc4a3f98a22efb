// What the other side does for the scanner: whatever is rare and needs JavaScript.

/** The value of the number in `[start, end)`. */
@external("host", "readNumber")
export declare function readNumber(start: usize, end: usize): f64

/** Parses the value in `[start, end)` for a field, and for the fields below it. */
@external("host", "takeSlice")
export declare function takeSlice(field: i32, start: usize, end: usize): void
