/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.stream.ChunkedWriteHandler;
import io.netty.resolver.AddressResolver;
import io.netty.util.concurrent.Future;
import java.io.File;
import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.Message;

/** The class path of the {@link World}'s process. */
final class WorldClassPath {
  /** One class of each library that the world needs. */
  private static final List<Class<?>> PARTS_OF_THE_WORLD =
      List.of(
          World.class,
          Message.class,
          LoggerFactory.class,
          Future.class,
          ByteBuf.class,
          AddressResolver.class,
          Channel.class,
          ByteToMessageDecoder.class,
          ChunkedWriteHandler.class,
          HttpServerCodec.class);

  private WorldClassPath() {}

  /**
   * Only what the world needs, from where this program has it: a test runner's class path is a file
   * that does not outlive it.
   */
  static String find() throws IOException {
    var entries = new LinkedHashSet<String>();
    for (var type : PARTS_OF_THE_WORLD) {
      try {
        entries.add(place(type).toString());
      } catch (URISyntaxException e) {
        throw new IOException("cannot find the program's own files", e);
      }
    }
    return String.join(File.pathSeparator, entries);
  }

  /**
   * The jar or folder a class is in. It is asked as a resource is: a class out of the JVM's cache
   * (JEP 483) may not know its code source.
   */
  private static Path place(Class<?> type) throws IOException, URISyntaxException {
    var name = type.getName().replace('.', '/') + ".class";
    var file = type.getResource("/" + name);
    if (file == null) {
      throw new IOException("cannot find the program's own " + name);
    }
    if (file.openConnection() instanceof JarURLConnection jar) {
      return Path.of(jar.getJarFileURL().toURI());
    }
    var folder = file.toString();
    return Path.of(URI.create(folder.substring(0, folder.length() - name.length())));
  }
}
