/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The devices of the Linux kernel.
 *
 * <p>There are two kinds of {@link org.torvtl.link.linux.Device}. {@link
 * org.torvtl.link.linux.TunDevice} opens {@code /dev/net/tun} and makes or attaches to an interface
 * of our own, or to several queues of one, between which {@link org.torvtl.link.linux.Steering}
 * shares the connections out; {@link org.torvtl.link.linux.PacketSocket} takes part in an interface
 * that is the host's. {@link org.torvtl.link.linux.DeviceLink} drives their descriptors from
 * Netty's epoll loop, beside the sockets of the same loop.
 *
 * <p>System calls are those of {@link org.torvtl.host.system.Libc}, which answers a result or a
 * negated error number: on the path of a packet no exception is made and no memory allocated for
 * them. What is not a device is in {@code org.torvtl.host}.
 *
 * <p><b>A connection stays in its lane.</b> All that is known of a connection is in one lane, so
 * every frame of it must come there, and every fragment of one too, which has no ports. The
 * kernel's own choice of a queue does not see to that; so an eBPF program of ours chooses ({@code
 * Steering}), by source and destination address only: all connections of one guest to one host
 * share a lane. What is not TCP over IPv4 is all in lane 0, so ARP, DNS over UDP and ping are as
 * with one lane. Each lane drops what the same rule in Java says is another's, and counts it
 * ({@code link.misdirected_drops}): that may happen in the moments when queues are opened and
 * closed. Where the program cannot be loaded (it takes {@code CAP_BPF}, which root in a container
 * may not have), {@code --lanes} is refused; nothing falls back to the kernel's choice. Each lane
 * has its part of the limits on connections and memory, so that together they have as much as one
 * would; a guest that opens all its connections to one host gets one lane's part. (The rate of ICMP
 * errors, 256 waiting requests, and the 1 MiB for fragments are each lane's own. An idle lane takes
 * a quarter of a MiB.) A persistent device serves either one lane or several: {@code torvtl tap
 * create tap1 --multi-queue}, or {@code ip tuntap add ... multi_queue}. A packet socket has one
 * lane. With several lanes, {@code --pcap} writes a file for each: put them together with {@code
 * mergecap}.
 *
 * <p><b>Checksums within one kernel are not there.</b> A veth or a bridge hands frames over before
 * checksums are filled in and long segments cut up. The packet socket asks for the virtio header
 * before each frame, which tells; {@code Link.Receiver.trustedFrame} says that none need be
 * checked.
 *
 * <p><b>Bulk is moved in super-segments.</b> Where the device has offloads (virtio headers), one
 * read brings up to 64 KiB of the guest's TCP, one {@code writev} takes as much to it, checksums
 * are left to the kernel, and a batch of reads is answered with one acknowledgment. A stream of
 * Tor's is read in up to 256 KiB, in whole super-segments ({@code ReadSizes}): a read of 64 KiB
 * would leave a short segment over each time. Payload is not copied in user space, with two
 * exceptions: a few bytes must not keep a large buffer alive, and what a device delivers in between
 * 1.5 and 20 KiB moves into a buffer of its size. Buffers come from Netty's pool; its adaptive
 * allocator gave out new memory, filled with zeros, for most frames of 64 KiB.
 */
@NullMarked
package org.torvtl.link.linux;

import org.jspecify.annotations.NullMarked;
