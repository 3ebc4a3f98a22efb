package software.amazon.kinesis.multilang;

import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.multilang.config.QuickDispatch;

/**
 * The MultiLangDaemon with one interval that its properties cannot set: see {@link QuickDispatch}. Everything it does is
 * the daemon's own, which is why this class lies in the daemon's package. Arguments: properties file, logback file.
 */
public class MillraceDaemon extends MultiLangDaemon {
    public static void main(final String[] args) {
        int exitCode = 1;
        try {
            final MillraceDaemon daemon = new MillraceDaemon();
            daemon.configureLogging(args[1]);
            final MultiLangDaemonConfig config = daemon.buildMultiLangDaemonConfig(args[0]);
            final MultiLangRunner runner = new MultiLangRunner(daemon.buildScheduler(config));
            daemon.setupShutdownHook(Runtime.getRuntime(), runner, config);
            exitCode = daemon.submitRunnerAndWait(config, runner);
        } catch (Throwable t) {
            System.err.println("ERROR MillraceDaemon " + t);
            t.printStackTrace(System.err);
        }
        System.exit(exitCode);
    }

    @Override
    Scheduler buildScheduler(final MultiLangDaemonConfig config) {
        return QuickDispatch.schedulerOf(config.getMultiLangDaemonConfiguration(), config.getRecordProcessorFactory());
    }
}
