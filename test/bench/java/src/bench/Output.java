package bench;

import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Results as NDJSON. */
public final class Output implements Closeable {
  private static final int BLOCK_BYTES = 1 << 18;

  private final OutputStream file;

  public Output(String path) throws IOException {
    file = new BufferedOutputStream(Files.newOutputStream(Path.of(path)), BLOCK_BYTES);
  }

  public void write(String line) {
    try {
      file.write(line.getBytes(StandardCharsets.UTF_8));
      file.write('\n');
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
    Clock.stop();
  }

  public static String line(String key, long start, long end, String totals) {
    return new StringBuilder(192)
        .append("{\"key\":\"").append(key)
        .append("\",\"windowStart\":").append(start)
        .append(",\"windowEnd\":").append(end)
        .append(',').append(totals)
        .toString();
  }
}
