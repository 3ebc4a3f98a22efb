package bench;

import com.hazelcast.config.Config;
import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.jet.aggregate.AggregateOperation;
import com.hazelcast.jet.aggregate.AggregateOperation1;
import com.hazelcast.jet.datamodel.KeyedWindowResult;
import com.hazelcast.jet.pipeline.BatchSource;
import com.hazelcast.jet.pipeline.Pipeline;
import com.hazelcast.jet.pipeline.Sink;
import com.hazelcast.jet.pipeline.SinkBuilder;
import com.hazelcast.jet.pipeline.SourceBuilder;
import com.hazelcast.jet.pipeline.WindowDefinition;

/** Hazelcast Jet's Pipeline API, embedded in this JVM, with one cooperative thread. */
public final class HazelcastContestant {
  private HazelcastContestant() {}

  /** How many events the source hands over at a time. */
  private static final int BATCH = 1_024;

  public static void main(String[] arguments) throws Exception {
    HazelcastInstance hazelcast = Hazelcast.newHazelcastInstance(configuration());
    try {
      Contest.run(arguments, (query, input, output) ->
          hazelcast.getJet().newJob(pipeline(query, input, output)).join());
    } finally {
      hazelcast.shutdown();
    }
    System.exit(0);
  }

  /** Alone on this machine: it looks for no other members and tells nobody. */
  private static Config configuration() {
    Config config = new Config();
    config.setProperty("hazelcast.logging.type", "none");
    config.setProperty("hazelcast.phone.home.enabled", "false");
    config.getJetConfig().setEnabled(true).setCooperativeThreadCount(1);
    config.getNetworkConfig().getInterfaces().setEnabled(true).addInterface("127.0.0.1");
    config.getNetworkConfig().getJoin().getAutoDetectionConfig().setEnabled(false);
    config.getNetworkConfig().getJoin().getMulticastConfig().setEnabled(false);
    return config;
  }

  private static Pipeline pipeline(Query query, String input, String output) {
    Pipeline pipeline = Pipeline.create();
    pipeline
        .readFrom(source(input))
        .addTimestamps(event -> event.ts, Query.OUT_OF_ORDERNESS_MS)
        .groupingKey(query::keyOf)
        .window(windowsOf(query))
        .aggregate(totals(query))
        .writeTo(sink(query, output));
    return pipeline;
  }

  private static BatchSource<Event> source(String path) {
    return SourceBuilder
        .batch("events", context -> {
          Clock.start();
          return new Input(path);
        })
        .<Event>fillBufferFn((input, buffer) -> {
          for (int i = 0; i < BATCH; i++) {
            Event event = input.next();
            if (event == null) {
              buffer.close();
              return;
            }
            buffer.add(event);
          }
        })
        .destroyFn(Input::close)
        .build();
  }

  private static Sink<KeyedWindowResult<String, String>> sink(Query query, String path) {
    return SinkBuilder
        .sinkBuilder("results", context -> new Output(path))
        .<KeyedWindowResult<String, String>>receiveFn((output, result) -> {
          long end = query.isSession() ? result.end() - 1 : result.end();
          output.write(Output.line(result.key(), result.start(), end, result.result()));
        })
        .destroyFn(Output::close)
        .build();
  }

  /** Jet parts two events that are exactly one timeout apart. Here they are one session, so the timeout is 1 ms longer. */
  private static WindowDefinition windowsOf(Query query) {
    if (query.isSession()) return WindowDefinition.session(Query.SESSION_GAP_MS + 1);
    return query.sizeMs == query.everyMs
        ? WindowDefinition.tumbling(query.sizeMs)
        : WindowDefinition.sliding(query.sizeMs, query.everyMs);
  }

  private static AggregateOperation1<Event, Totals, String> totals(Query query) {
    var operation = AggregateOperation
        .withCreate(() -> new Totals(query))
        .<Event>andAccumulate((totals, event) -> totals.add(event))
        .andCombine((a, b) -> a.merge(b));
    // A hopping window then takes one slice away and adds one, in place of adding up all six.
    return query == Query.Q4
        ? operation.andDeduct((a, b) -> a.deduct(b)).andExportFinish(Totals::json)
        : operation.andExportFinish(Totals::json);
  }
}
