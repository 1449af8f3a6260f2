/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.random.RandomGenerator;

/**
 * Random input for one run of a test, all of it from one seed. One in eight draws is of the edge of
 * its range: the least, the greatest, or what is next to zero, where faults are.
 */
public final class Draws {
  /** Runs a test with the input of this seed alone, as a failure says. */
  private static final String SEED = "torvtl.seed";

  /** How many times as many runs as a test asks for; {@code make test-long} sets it. */
  private static final int TIMES = Integer.getInteger("torvtl.times", 1);

  private static final int EDGE_IN = 8;
  private static final int[] EDGES = {0, 1, -1, Integer.MIN_VALUE, Integer.MAX_VALUE};

  private final RandomGenerator random;

  private Draws(long seed) {
    this.random = new SplittableRandom(seed);
  }

  /** What is run with each seed. */
  @FunctionalInterface
  public interface Run {
    void with(Draws draws) throws Exception;
  }

  /**
   * Runs a test with the input of so many seeds, new ones each time; or of a multiple, by the
   * property {@code torvtl.times}.
   *
   * @throws AssertionError that names the seed of the run that failed
   */
  public static void repeat(int runs, Run run) {
    var only = Long.getLong(SEED);
    if (only != null) {
      once(only, run);
      return;
    }
    var seeds = new SplittableRandom();
    for (int i = 0; i < runs * TIMES; i++) {
      once(seeds.nextLong(), run);
    }
  }

  private static void once(long seed, Run run) {
    try {
      run.with(new Draws(seed));
    } catch (Exception | AssertionError e) {
      throw new AssertionError(
          "with the input of seed %d (this one alone: -D%s=%1$d): %s".formatted(seed, SEED, e), e);
    }
  }

  /** For what draws its own way. */
  public RandomGenerator random() {
    return random;
  }

  /** Any number. */
  public int integer() {
    return isEdge() ? EDGES[random.nextInt(EDGES.length)] : random.nextInt();
  }

  /** From {@code least} to {@code most}, both included. */
  public int integer(int least, int most) {
    if (isEdge()) {
      return random.nextBoolean() ? least : most;
    }
    return (int) random.nextLong(least, most + 1L);
  }

  public boolean bool() {
    return random.nextBoolean();
  }

  /** So many bytes at least and at most. */
  public byte[] bytes(int least, int most) {
    var bytes = new byte[integer(least, most)];
    random.nextBytes(bytes);
    return bytes;
  }

  /** So many elements at least and at most. */
  public <T> List<T> list(int least, int most, Function<Draws, T> element) {
    int size = integer(least, most);
    var list = new ArrayList<T>(size);
    for (int i = 0; i < size; i++) {
      list.add(element.apply(this));
    }
    return list;
  }

  /** Of these characters, so many at most. */
  public String text(String characters, int most) {
    int length = integer(0, most);
    var text = new StringBuilder(length);
    for (int i = 0; i < length; i++) {
      text.append(characters.charAt(random.nextInt(characters.length())));
    }
    return text.toString();
  }

  private boolean isEdge() {
    return random.nextInt(EDGE_IN) == 0;
  }
}
