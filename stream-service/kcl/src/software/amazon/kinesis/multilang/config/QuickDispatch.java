package software.amazon.kinesis.multilang.config;

import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.processor.ShardRecordProcessorFactory;

/**
 * The KCL's scheduler takes each shard one step further per round, and a shard needs three steps from its lease to its
 * first record. A round begins every second, which is three seconds of waiting; here it begins every tenth of a second.
 */
public final class QuickDispatch {
    private static final long ROUND_MILLIS = 100;

    private QuickDispatch() {}

    public static Scheduler schedulerOf(
            final MultiLangDaemonConfiguration configuration, final ShardRecordProcessorFactory factory) {
        final MultiLangDaemonConfiguration.ResolvedConfiguration resolved = configuration.resolvedConfiguration(factory);
        resolved.getCoordinatorConfig().shardConsumerDispatchPollIntervalMillis(ROUND_MILLIS);
        return resolved.build();
    }
}
