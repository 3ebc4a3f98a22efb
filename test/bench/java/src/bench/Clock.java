package bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Time and CPU time from when a job's source opens to when its sink is closed: what it takes to hand a job to the engine is
 * left out. CPU time is that of the whole process, all threads, collector and compiler included.
 */
public final class Clock {
  private Clock() {}

  static volatile long records;
  private static volatile long startedAt;
  private static volatile long cpuBefore;
  private static volatile long wallNanos;
  private static volatile long cpuNanos;

  private static long cpuNanos() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
  }

  public static void start() {
    startedAt = System.nanoTime();
    cpuBefore = cpuNanos();
  }

  static void stop() {
    wallNanos = System.nanoTime() - startedAt;
    cpuNanos = cpuNanos() - cpuBefore;
  }

  public static void print() {
    System.out.println(String.format(Locale.ROOT, "{\"records\":%d,\"wallMs\":%.3f,\"cpuMs\":%.3f,\"peakRssMb\":%.1f}",
        records, wallNanos / 1e6, cpuNanos / 1e6, peakRssMb()));
  }

  /** The mark that Linux keeps; elsewhere the heap as it is. */
  private static double peakRssMb() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
      }
    } catch (IOException e) {
      // Not on Linux.
    }
    return Runtime.getRuntime().totalMemory() / 1048576.0;
  }
}
