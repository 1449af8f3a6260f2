/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Where frames come from and go to.
 *
 * <p>A {@link org.torvtl.link.Link} is one end of a cable. What arrives is handed to its {@link
 * org.torvtl.link.Link.Receiver} on the event loop the link was started on, frame by frame, and a
 * call at the end of each batch tells that no more is at hand, so that work which can be bundled
 * (acknowledgements, socket flushes) is done once a batch. What is sent is written at once: a
 * device is a queue of the kernel's, and a second queue in front of it would only hide that it is
 * full.
 *
 * <p>Frames are borrowed in both directions. A receiver that keeps a part of one retains a slice; a
 * link that cannot write a frame drops it, as a cable would, and counts it.
 *
 * <p>{@link org.torvtl.link.MemoryLink} is a cable between two ends in one process; {@link
 * org.torvtl.link.PcapngLink} wraps another link and records what passes it, and {@link
 * org.torvtl.link.FaultInjectionLink} makes a bad cable of one, for tests. The devices of the
 * kernel are in {@link org.torvtl.link.linux}.
 *
 * <p><b>A capture never waits.</b> {@code PcapngWriter} hands full buffers to a thread of its own.
 * A disk that is full or a pipe that nobody reads costs the capture frames, which are counted, and
 * the guests nothing.
 */
@NullMarked
package org.torvtl.link;

import org.jspecify.annotations.NullMarked;
