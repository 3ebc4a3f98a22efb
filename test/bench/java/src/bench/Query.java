package bench;

import java.io.Serializable;

/** The five queries; test/bench/queries.ts says what each asks. */
public enum Query implements Serializable {
  Q1(60_000, 60_000),
  Q2(60_000, 60_000),
  Q3(10_000, 10_000),
  Q4(60_000, 10_000),
  Q5(0, 0);

  public static final long OUT_OF_ORDERNESS_MS = 5_000;
  public static final long SESSION_GAP_MS = 30_000;

  public final long sizeMs;
  public final long everyMs;

  Query(long sizeMs, long everyMs) {
    this.sizeMs = sizeMs;
    this.everyMs = everyMs;
  }

  public boolean isSession() {
    return this == Q5;
  }

  public String keyOf(Event event) {
    return this == Q3 || this == Q5 ? event.userId : event.page;
  }

  public boolean hasSum() {
    return this == Q1 || this == Q2 || this == Q4;
  }

  public boolean hasExtremes() {
    return this == Q1 || this == Q2;
  }

  public boolean hasSketches() {
    return this == Q2;
  }
}
