package bench;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.io.Serializable;

/** The fields of a record that the queries use; the others are skipped while parsing. */
@JsonIgnoreProperties(ignoreUnknown = true)
public final class Event implements Serializable {
  public String page;
  public String userId;
  public double value;
  public long ts;
}
