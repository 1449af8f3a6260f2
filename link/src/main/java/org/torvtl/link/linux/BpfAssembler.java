/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import java.util.ArrayList;
import java.util.List;

/**
 * Writes a program for the kernel's eBPF machine, instruction by instruction: those that a program
 * needs which reads a packet, reckons, and answers a number. RFC 9669; for the instructions that
 * read packets, its section 5.5, with the kernel's networking/filter documentation.
 *
 * <p>All reckoning is of 64 bits, without signs. An instruction is a long, with the fields in the
 * order of a little-endian machine.
 */
final class BpfAssembler {
  /** The answer, and what was read from the packet last; reading one loses R1 to R5. */
  static final int R0 = 0;

  /** The context, when a program begins; free afterwards. */
  static final int R1 = 1;

  /** Where the context must be when the packet is read. */
  static final int R6 = 6;

  /** Free, and not lost. */
  static final int R7 = 7;

  // The class in the lowest 3 bits; then the source of the operand; the operation above them.
  private static final int LD = 0x00, LDX = 0x01, JMP = 0x05, ALU64 = 0x07;
  private static final int CONSTANT = 0x00, REGISTER = 0x08;
  private static final int ADD = 0x00, MUL = 0x20, RSH = 0x70, MOV = 0xB0;
  private static final int JNE = 0x50, EXIT = 0x90;

  // Loads have the size and the mode there.
  private static final int WORD = 0x00, HALF = 0x08, BYTE = 0x10, DOUBLE = 0x18;
  private static final int IMMEDIATE = 0x00, PACKET = 0x20, MEMORY = 0x60;

  private final List<Long> instructions = new ArrayList<>();

  /** A place further down that is jumped to. */
  static final class Label {
    private final List<Integer> jumps = new ArrayList<>();
  }

  private BpfAssembler put(int code, int destination, int source, int offset, int constant) {
    instructions.add(
        (long) constant << 32
            | (offset & 0xFFFFL) << 16
            | (long) source << 12
            | (long) destination << 8
            | code);
    return this;
  }

  /** {@code destination = source} */
  BpfAssembler move(int destination, int source) {
    return put(ALU64 | REGISTER | MOV, destination, source, 0, 0);
  }

  /** {@code destination = constant} */
  BpfAssembler set(int destination, long constant) {
    put(LD | IMMEDIATE | DOUBLE, destination, 0, 0, (int) constant);
    return put(0, 0, 0, 0, (int) (constant >>> 32));
  }

  /** {@code destination += source} */
  BpfAssembler add(int destination, int source) {
    return put(ALU64 | REGISTER | ADD, destination, source, 0, 0);
  }

  /** {@code destination *= source} */
  BpfAssembler multiply(int destination, int source) {
    return put(ALU64 | REGISTER | MUL, destination, source, 0, 0);
  }

  /** {@code destination >>>= bits} */
  BpfAssembler shiftRight(int destination, int bits) {
    return put(ALU64 | CONSTANT | RSH, destination, 0, 0, bits);
  }

  /** R0 = the byte at that place of the packet; behind its end, the program ends and answers 0. */
  BpfAssembler readByte(int offset) {
    return put(LD | PACKET | BYTE, 0, 0, 0, offset);
  }

  /** As {@link #readByte}, 16 bits in network byte order. */
  BpfAssembler readHalf(int offset) {
    return put(LD | PACKET | HALF, 0, 0, 0, offset);
  }

  /** As {@link #readByte}, 32 bits in network byte order. */
  BpfAssembler readWord(int offset) {
    return put(LD | PACKET | WORD, 0, 0, 0, offset);
  }

  /** {@code destination} = the 32 bits at that place of the context. */
  BpfAssembler readContext(int destination, int context, int offset) {
    return put(LDX | MEMORY | WORD, destination, context, offset, 0);
  }

  /** Goes on at the label if the register does not have the value. */
  BpfAssembler jumpUnless(int register, int value, Label label) {
    label.jumps.add(instructions.size());
    return put(JMP | CONSTANT | JNE, register, 0, 0, value);
  }

  /** The label's place is here. */
  BpfAssembler place(Label label) {
    for (int jump : label.jumps) {
      int distance = instructions.size() - jump - 1;
      instructions.set(jump, instructions.get(jump) | (long) distance << 16);
    }
    return this;
  }

  /** Ends, and answers what is in R0. */
  BpfAssembler exit() {
    return put(JMP | EXIT, 0, 0, 0, 0);
  }

  /** The program as the kernel takes it. */
  long[] assemble() {
    return instructions.stream().mapToLong(Long::longValue).toArray();
  }
}
