package bench;

/** The frame of a contestant: `CONTESTANT QUERY INPUT OUTPUT`, with the file that BENCH_WARMUP names replayed before. */
final class Contest {
  private Contest() {}

  interface Replay {
    void run(Query query, String input, String output) throws Exception;
  }

  static void run(String[] arguments, Replay replay) throws Exception {
    Query query = Query.valueOf(arguments[0]);
    String warmUp = System.getenv("BENCH_WARMUP");
    if (warmUp != null && !warmUp.isEmpty()) {
      replay.run(query, warmUp, "/dev/null");
      System.gc();
    }
    replay.run(query, arguments[1], arguments[2]);
    Clock.print();
  }
}
