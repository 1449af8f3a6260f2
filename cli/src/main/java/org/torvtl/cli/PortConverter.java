/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** A TCP port on the command line: 1 to 65535. */
class PortConverter implements ITypeConverter<Integer> {
  private final int least;

  PortConverter() {
    this(1);
  }

  private PortConverter(int least) {
    this.least = least;
  }

  /** As {@link PortConverter}; 0 leaves the choice to the kernel. */
  static final class OrAny extends PortConverter {
    OrAny() {
      super(0);
    }
  }

  @Override
  public Integer convert(String text) {
    if (text.matches("\\d{1,5}")) {
      int port = Integer.parseInt(text);
      if (port >= least && port <= 0xFFFF) {
        return port;
      }
    }
    throw new TypeConversionException(
        "'%s' is not a TCP port (%d to 65535)".formatted(text, least));
  }
}
