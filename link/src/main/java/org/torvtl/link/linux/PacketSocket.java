/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.host.user.Privileges;
import org.torvtl.link.Link;

/**
 * A packet socket on an interface that is the host's: it sees what guests send to the gateway, and
 * sends to guests. packet(7).
 *
 * <p>The interface is in promiscuous mode while it is open, for the gateway's MAC address is not
 * the interface's. A filter in the kernel lets through only what comes from guests and is for the
 * gateway or for all: not what this host sends, not what comes back of the gateway's own, not what
 * guests send to the host or to each other, and nothing with a VLAN tag, which no guest of this
 * link has.
 *
 * <p>Frames from a neighbour in the same kernel (a veth, a bridge port) come as they were handed
 * over there: TCP in super-segments of up to 64 KiB, without checksums. The {@link VnetHeader}
 * before each tells.
 */
public final class PacketSocket implements Device {
  private static final int ETH_P_ALL = 3;
  private static final int SOL_SOCKET = 1, SO_RCVBUF = 8, SO_ATTACH_FILTER = 26, SO_MARK = 36;
  private static final int SO_RCVBUFFORCE = 33;
  private static final int SOL_PACKET = 263, PACKET_ADD_MEMBERSHIP = 1, PACKET_VNET_HDR = 15;
  private static final int PACKET_IGNORE_OUTGOING = 23;
  private static final short PACKET_MR_PROMISC = 1;
  private static final int SOCKADDR_LL_LENGTH = 20, PACKET_MREQ_LENGTH = 16;
  private static final int RECEIVE_BUFFER_BYTES = 4 << 20;

  private final int fd;
  private final NetworkInterface networkInterface;
  private final AtomicBoolean closed = new AtomicBoolean();

  private PacketSocket(int fd, NetworkInterface networkInterface) {
    this.fd = fd;
    this.networkInterface = networkInterface;
  }

  /** Beyond the system's bound for all programs, which has room for a few long frames only. */
  private void enlargeBuffer(MemorySegment bytes) throws SystemCallException {
    try {
      set(SOL_SOCKET, SO_RCVBUFFORCE, bytes);
    } catch (SystemCallException e) {
      // That takes CAP_NET_ADMIN.
      if (e.errno() != Libc.EPERM) {
        throw e;
      }
      set(SOL_SOCKET, SO_RCVBUF, bytes);
    }
  }

  /**
   * Opens a socket that receives what is for the gateway, and sends.
   *
   * @param gatewayMac the gateway's MAC address on this link
   * @param mark of the frames it sends, for packet filters; 0 for none
   * @param markOfGuests of the frames it takes, as packet filters have set it; 0 for any
   * @throws SystemCallException if there is no such interface, it carries no Ethernet, or there is
   *     no permission
   */
  public static PacketSocket open(
      NetworkInterface networkInterface, long gatewayMac, int mark, int markOfGuests)
      throws SystemCallException {
    var socket = unbound(networkInterface, mark);
    try (var arena = Arena.ofConfined()) {
      // Before it is bound, so that nothing passes without the filter.
      socket.set(
          SOL_SOCKET,
          SO_ATTACH_FILTER,
          program(arena, filter(gatewayMac, networkInterface.macAddress(), markOfGuests)));
      socket.set(SOL_PACKET, PACKET_IGNORE_OUTGOING, arena.allocateFrom(JAVA_INT, 1));
      socket.enlargeBuffer(arena.allocateFrom(JAVA_INT, RECEIVE_BUFFER_BYTES));
      socket.bind(arena, ETH_P_ALL);
      var membership = arena.allocate(PACKET_MREQ_LENGTH, Long.BYTES);
      membership.set(JAVA_INT, 0, networkInterface.index());
      membership.set(JAVA_SHORT, 4, PACKET_MR_PROMISC);
      socket.set(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership);
      return socket;
    } catch (SystemCallException e) {
      socket.close();
      throw e;
    }
  }

  /**
   * Opens a socket that only sends.
   *
   * @param mark as for {@link #open}
   * @throws SystemCallException as {@link #open}
   */
  public static PacketSocket openForSending(NetworkInterface networkInterface, int mark)
      throws SystemCallException {
    var socket = unbound(networkInterface, mark);
    try (var arena = Arena.ofConfined()) {
      socket.bind(arena, 0);
      return socket;
    } catch (SystemCallException e) {
      socket.close();
      throw e;
    }
  }

  private static PacketSocket unbound(NetworkInterface networkInterface, int mark)
      throws SystemCallException {
    String cannot = "cannot open " + networkInterface.name();
    if (!networkInterface.isEthernet()) {
      throw new SystemCallException(
          cannot, Libc.EINVAL, "it does not carry Ethernet frames; choose one that does");
    }
    int fd = Libc.socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC, 0);
    if (fd < 0) {
      throw new SystemCallException(cannot, -fd, -fd == Libc.EPERM ? Privileges.NET_RAW_FIX : "");
    }
    var socket = new PacketSocket(fd, networkInterface);
    try (var arena = Arena.ofConfined()) {
      socket.set(SOL_PACKET, PACKET_VNET_HDR, arena.allocateFrom(JAVA_INT, 1));
      if (mark != 0) {
        socket.set(SOL_SOCKET, SO_MARK, arena.allocateFrom(JAVA_INT, mark));
      }
      return socket;
    } catch (SystemCallException e) {
      socket.close();
      throw e;
    }
  }

  /** Binds to the interface, for frames of an EtherType; 0 for none. */
  private void bind(Arena arena, int etherType) throws SystemCallException {
    var address = arena.allocate(SOCKADDR_LL_LENGTH, Integer.BYTES);
    address.set(JAVA_SHORT, 0, (short) Libc.AF_PACKET);
    address.set(JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN), 2, (short) etherType);
    address.set(JAVA_INT, 4, networkInterface.index());
    check(Libc.bind(fd, address));
  }

  private void set(int level, int option, MemorySegment value) throws SystemCallException {
    check(Libc.setsockopt(fd, level, option, value));
  }

  private void check(int result) throws SystemCallException {
    if (result < 0) {
      throw new SystemCallException("cannot open " + networkInterface.name(), -result, "");
    }
  }

  /** An instruction of the classic packet filter. */
  private record Instruction(int code, int onTrue, int onFalse, int value) {
    static final int LENGTH = 8;
  }

  private static final int LOAD_BYTE = 0x30, LOAD_HALF = 0x28, LOAD_WORD = 0x20;
  private static final int JUMP_IF_EQUAL = 0x15, JUMP_IF_SET = 0x45, RETURN = 0x06;
  private static final int ANCILLARY = -0x1000, PACKET_TYPE = 4, MARK = 20, VLAN_TAG_PRESENT = 48;
  private static final int PACKET_OUTGOING = 4;
  private static final int DESTINATION = 0, SOURCE = 6, EVERYTHING = 0x40000;

  /** The filter. Jumps are counted from the next instruction; the last two are where it ends. */
  private static List<Instruction> filter(long gatewayMac, long interfaceMac, int markOfGuests) {
    int reject = markOfGuests == 0 ? 18 : 20;
    int accept = reject + 1;
    var code = new ArrayList<Instruction>();
    code.add(new Instruction(LOAD_BYTE, 0, 0, ANCILLARY + PACKET_TYPE));
    code.add(new Instruction(JUMP_IF_EQUAL, reject - 2, 0, PACKET_OUTGOING));
    code.add(new Instruction(LOAD_BYTE, 0, 0, ANCILLARY + VLAN_TAG_PRESENT));
    code.add(new Instruction(JUMP_IF_EQUAL, 0, reject - 4, 0));
    if (markOfGuests != 0) {
      code.add(new Instruction(LOAD_WORD, 0, 0, ANCILLARY + MARK));
      code.add(new Instruction(JUMP_IF_EQUAL, 0, reject - code.size() - 1, markOfGuests));
    }
    rejectFrom(code, gatewayMac, reject);
    rejectFrom(code, interfaceMac, reject);
    // The group bit, then the gateway's own address.
    code.add(new Instruction(LOAD_BYTE, 0, 0, DESTINATION));
    code.add(new Instruction(JUMP_IF_SET, accept - code.size() - 1, 0, 1));
    code.add(new Instruction(LOAD_WORD, 0, 0, DESTINATION));
    code.add(
        new Instruction(JUMP_IF_EQUAL, 0, reject - code.size() - 1, (int) (gatewayMac >>> 16)));
    code.add(new Instruction(LOAD_HALF, 0, 0, DESTINATION + 4));
    code.add(
        new Instruction(
            JUMP_IF_EQUAL,
            accept - code.size() - 1,
            reject - code.size() - 1,
            (int) gatewayMac & 0xFFFF));
    code.add(new Instruction(RETURN, 0, 0, 0));
    code.add(new Instruction(RETURN, 0, 0, EVERYTHING));
    return code;
  }

  private static void rejectFrom(List<Instruction> code, long mac, int reject) {
    code.add(new Instruction(LOAD_WORD, 0, 0, SOURCE));
    code.add(new Instruction(JUMP_IF_EQUAL, 0, 2, (int) (mac >>> 16)));
    code.add(new Instruction(LOAD_HALF, 0, 0, SOURCE + 4));
    code.add(new Instruction(JUMP_IF_EQUAL, reject - code.size() - 1, 0, (int) mac & 0xFFFF));
  }

  /** A {@code struct sock_fprog}. */
  private static MemorySegment program(Arena arena, List<Instruction> code) {
    var instructions = arena.allocate((long) code.size() * Instruction.LENGTH, Long.BYTES);
    for (int i = 0; i < code.size(); i++) {
      long at = (long) i * Instruction.LENGTH;
      var instruction = code.get(i);
      instructions.set(JAVA_SHORT, at, (short) instruction.code());
      instructions.set(JAVA_BYTE, at + 2, (byte) instruction.onTrue());
      instructions.set(JAVA_BYTE, at + 3, (byte) instruction.onFalse());
      instructions.set(JAVA_INT, at + 4, instruction.value());
    }
    var program = arena.allocate(2 * ADDRESS.byteSize(), ADDRESS.byteAlignment());
    program.set(JAVA_SHORT, 0, (short) code.size());
    program.set(ADDRESS, ADDRESS.byteSize(), instructions);
    return program;
  }

  @Override
  public NetworkInterface networkInterface() {
    return networkInterface;
  }

  @Override
  public Link.Medium medium() {
    return Link.Medium.ETHERNET;
  }

  @Override
  public int fd() {
    return fd;
  }

  @Override
  public boolean hasOffloads() {
    return true;
  }

  @Override
  public void close() {
    if (!closed.getAndSet(true)) {
      Libc.close(fd);
    }
  }
}
