package bench;

import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.RichSinkFunction;
import org.apache.flink.streaming.api.functions.source.RichSourceFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** Flink's DataStream API in this JVM: parallelism 1, state on the heap, objects reused, no checkpoints. */
public final class FlinkContestant {
  private FlinkContestant() {}

  public static void main(String[] arguments) throws Exception {
    Contest.run(arguments, FlinkContestant::replay);
    System.exit(0);
  }

  private static void replay(Query query, String input, String output) throws Exception {
    Configuration configuration = new Configuration();
    configuration.set(RestOptions.BIND_PORT, "0");
    configuration.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(64));
    configuration.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(64));
    StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(1, configuration);
    environment.getConfig().enableObjectReuse();
    environment
        .addSource(new FileSource(input), TypeInformation.of(Event.class))
        .assignTimestampsAndWatermarks(
            WatermarkStrategy.<Event>forBoundedOutOfOrderness(Duration.ofMillis(Query.OUT_OF_ORDERNESS_MS))
                .withTimestampAssigner((event, before) -> event.ts))
        .keyBy(query::keyOf, Types.STRING)
        .window(windowsOf(query))
        .aggregate(new Aggregate(query), new Format(), TypeInformation.of(Totals.class), Types.STRING, Types.STRING)
        .addSink(new FileSink(output));
    environment.execute();
  }

  private static WindowAssigner<Object, TimeWindow> windowsOf(Query query) {
    if (query.isSession()) return EventTimeSessionWindows.withGap(Duration.ofMillis(Query.SESSION_GAP_MS));
    Duration size = Duration.ofMillis(query.sizeMs);
    return query.sizeMs == query.everyMs
        ? TumblingEventTimeWindows.of(size)
        : SlidingEventTimeWindows.of(size, Duration.ofMillis(query.everyMs));
  }

  private static final class FileSource extends RichSourceFunction<Event> {
    private final String path;
    private volatile boolean isCancelled;

    FileSource(String path) {
      this.path = path;
    }

    @Override
    public void run(SourceContext<Event> context) throws Exception {
      Clock.start();
      try (Input input = new Input(path)) {
        for (Event event = input.next(); event != null && !isCancelled; event = input.next()) context.collect(event);
      }
    }

    @Override
    public void cancel() {
      isCancelled = true;
    }
  }

  private static final class Aggregate implements AggregateFunction<Event, Totals, String> {
    private final Query query;

    Aggregate(Query query) {
      this.query = query;
    }

    @Override
    public Totals createAccumulator() {
      return new Totals(query);
    }

    @Override
    public Totals add(Event event, Totals totals) {
      return totals.add(event);
    }

    @Override
    public Totals merge(Totals a, Totals b) {
      return a.merge(b);
    }

    @Override
    public String getResult(Totals totals) {
      return totals.json();
    }
  }

  private static final class Format extends ProcessWindowFunction<String, String, String, TimeWindow> {
    @Override
    public void process(String key, Context context, Iterable<String> totals, Collector<String> lines) {
      TimeWindow window = context.window();
      lines.collect(Output.line(key, window.getStart(), window.getEnd(), totals.iterator().next()));
    }
  }

  private static final class FileSink extends RichSinkFunction<String> {
    private final String path;
    private transient Output output;

    FileSink(String path) {
      this.path = path;
    }

    @Override
    public void open(Configuration configuration) throws Exception {
      output = new Output(path);
    }

    @Override
    public void invoke(String line, Context context) {
      output.write(line);
    }

    @Override
    public void close() throws Exception {
      output.close();
    }
  }
}
