package bench;

import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.FileInputStream;
import java.io.IOException;

/** The events of a file, one after the other, parsed by Jackson. */
public final class Input implements Closeable {
  private static final ObjectReader READER = new ObjectMapper().readerFor(Event.class);
  private static final int BLOCK_BYTES = 1 << 20;

  private final MappingIterator<Event> events;
  private long records;

  public Input(String path) throws IOException {
    events = READER.readValues(new BufferedInputStream(new FileInputStream(path), BLOCK_BYTES));
  }

  /** The next event, or null at the end. */
  public Event next() throws IOException {
    if (!events.hasNextValue()) return null;
    records++;
    return events.nextValue();
  }

  @Override
  public void close() throws IOException {
    events.close();
    Clock.records = records;
  }
}
