package bench;

import com.datadoghq.sketch.ddsketch.DDSketch;
import com.datadoghq.sketch.ddsketch.DDSketches;
import java.io.Serializable;
import org.apache.datasketches.hll.HllSketch;
import org.apache.datasketches.hll.TgtHllType;
import org.apache.datasketches.hll.Union;

/** What is kept of one key in one window: as much as the query needs. */
public final class Totals implements Serializable {
  private static final double QUANTILE_ACCURACY = 0.01;
  private static final int LOG2_REGISTERS = 14;

  private final Query query;
  private long count;
  private double sum;
  private double min = Double.POSITIVE_INFINITY;
  private double max = Double.NEGATIVE_INFINITY;
  private transient DDSketch values;
  private transient HllSketch users;

  public Totals(Query query) {
    this.query = query;
    if (query.hasSketches()) {
      values = DDSketches.unboundedDense(QUANTILE_ACCURACY);
      users = new HllSketch(LOG2_REGISTERS, TgtHllType.HLL_8);
    }
  }

  public Totals add(Event event) {
    count++;
    if (!query.hasSum()) return this;
    sum += event.value;
    if (!query.hasExtremes()) return this;
    min = Math.min(min, event.value);
    max = Math.max(max, event.value);
    if (query.hasSketches()) {
      values.accept(event.value);
      users.update(event.userId);
    }
    return this;
  }

  public Totals merge(Totals other) {
    count += other.count;
    sum += other.sum;
    min = Math.min(min, other.min);
    max = Math.max(max, other.max);
    if (query.hasSketches()) {
      values.mergeWith(other.values);
      Union union = new Union(LOG2_REGISTERS);
      union.update(users);
      union.update(other.users);
      users = union.getResult(TgtHllType.HLL_8);
    }
    return this;
  }

  /** Takes a slice away again that was merged before. Only counts and sums can do that. */
  public Totals deduct(Totals other) {
    count -= other.count;
    sum -= other.sum;
    return this;
  }

  /** Hazelcast leaves a key out of a hopping window once its totals equal new ones; a sum may leave a rest then. */
  @Override
  public boolean equals(Object object) {
    return object instanceof Totals other && count == other.count && (count == 0 || sum == other.sum);
  }

  @Override
  public int hashCode() {
    return Long.hashCode(count);
  }

  /** The values as the end of a JSON object. */
  public String json() {
    StringBuilder json = new StringBuilder(96).append("\"count\":").append(count);
    if (query.hasSum()) json.append(",\"sum\":").append(sum);
    if (query.hasExtremes()) {
      json.append(",\"min\":").append(min).append(",\"max\":").append(max).append(",\"avg\":").append(sum / count);
    }
    if (query.hasSketches()) {
      json.append(",\"p95\":").append(values.getValueAtQuantile(0.95));
      json.append(",\"distinctUsers\":").append(Math.round(users.getEstimate()));
    }
    return json.append('}').toString();
  }
}
