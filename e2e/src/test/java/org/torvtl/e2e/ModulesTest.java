/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.time.Clock;
import java.time.Instant;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The arrows between the modules: who may use whom. See docs/architecture.md. */
class ModulesTest {
  private static final Set<String> MODULES =
      Set.of(
          "wire", "ip", "tcp", "host", "link", "stack", "egress", "tor", "onion", "gateway", "lab",
          "cli");

  private static JavaClasses program = new ClassFileImporter().importClasses();

  @BeforeAll
  static void importProgram() {
    program =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages(MODULES.stream().map(module -> "org.torvtl." + module).toList());
  }

  static Stream<Arguments> arrows() {
    return Stream.of(
        Arguments.of("wire", Set.of()),
        Arguments.of("ip", Set.of("wire")),
        Arguments.of("tcp", Set.of("wire")),
        Arguments.of("host", Set.of("wire")),
        Arguments.of("link", Set.of("wire", "host")),
        Arguments.of("stack", Set.of("wire", "ip", "tcp", "link")),
        Arguments.of("egress", Set.of("host")),
        Arguments.of("tor", Set.of("egress", "host")),
        Arguments.of("onion", Set.of("wire", "ip", "host", "link")),
        Arguments.of("gateway", Set.of("wire", "ip", "tcp", "link", "stack", "egress")),
        Arguments.of("lab", Set.of("wire", "tor", "host")),
        Arguments.of(
            "cli",
            Set.of(
                "wire", "ip", "tcp", "host", "link", "stack", "egress", "tor", "onion", "gateway",
                "lab")));
  }

  /** A module without classes fails too: then this test looks in the wrong place. */
  @ParameterizedTest(name = "{0} uses at most {1}")
  @MethodSource("arrows")
  void arrowsPointDownward(String module, Set<String> below) {
    var forbidden =
        Stream.concat(MODULES.stream(), Stream.of("fuzz", "e2e", "bench"))
            .filter(other -> !other.equals(module) && !below.contains(other))
            .map(other -> "org.torvtl." + other + "..")
            .toArray(String[]::new);
    noClasses()
        .that()
        .resideInAPackage("org.torvtl." + module + "..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(forbidden)
        .because("the arrow %s → %s is all there is".formatted(module, below))
        .check(program);
  }

  @Test
  void packetFormatsAndStateMachinesKnowNoThreadAndNoSocket() {
    noClasses()
        .that(arePure())
        .should()
        .dependOnClassesThat(
            resideInAnyPackage("java.net..", "java.nio.channels..", "java.util.concurrent..")
                .and(DescribedPredicate.not(JavaClass.Predicates.equivalentTo(TimeUnit.class)))
                .or(JavaClass.Predicates.assignableTo(Thread.class)))
        .because("segments and the time go in, segments and events come out")
        .check(program);
  }

  @Test
  void packetFormatsAndStateMachinesReadNoClock() {
    noClasses()
        .that(arePure())
        .should()
        .callMethod(System.class, "nanoTime")
        .orShould()
        .callMethod(System.class, "currentTimeMillis")
        .orShould()
        .callMethod(Instant.class, "now")
        .orShould()
        .dependOnClassesThat(JavaClass.Predicates.assignableTo(Clock.class))
        .because("time comes in as a parameter, so that a test can replay any run")
        .check(program);
  }

  @Test
  void packetFormatsAndStateMachinesDrawNoRandomNumbersOfTheirOwn() {
    noClasses()
        .that(arePure())
        .should()
        .callConstructor(Random.class)
        .orShould()
        .callMethod(Math.class, "random")
        .because("randomness comes in as a generator, so that a test can replay any run")
        .check(program);
  }

  @Test
  void onlyTheHostModuleMakesSystemCalls() {
    noClasses()
        .that(
            resideInAPackage("org.torvtl..")
                .and(DescribedPredicate.not(resideInAPackage("org.torvtl.host.system"))))
        .should()
        .dependOnClassesThat(JavaClass.Predicates.assignableTo(java.lang.foreign.Linker.class))
        .because("the Linux system calls live in one package")
        .check(program);
  }

  /** So that an egress without sockets, and a test on virtual time, have a place. */
  @Test
  void flowsKnowNoSocketsAndNoTor() {
    noClasses()
        .that()
        .resideInAPackage("org.torvtl.gateway..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.torvtl.tor..", "org.torvtl.onion..", "io.netty.channel.epoll..")
        .because("a gateway gets its egresses handed in, and knows them by Egress alone")
        .check(program);
  }

  @Test
  void onlyTheHostModuleAndDevicesCallTheLibrary() {
    noClasses()
        .that(
            DescribedPredicate.not(
                resideInAnyPackage("org.torvtl.host..", "org.torvtl.link.linux")))
        .should()
        .dependOnClassesThat(JavaClass.Predicates.simpleName("Libc"))
        .because("the rest asks this computer by the classes of host")
        .check(program);
  }

  @Test
  void packagesOfAModuleFormNoCircle() {
    slices().matching("org.torvtl.(**)").should().beFreeOfCycles().check(program);
  }

  private static DescribedPredicate<JavaClass> arePure() {
    return resideInAnyPackage(
        "org.torvtl.wire..", "org.torvtl.ip..", "org.torvtl.tcp..", "org.torvtl.onion");
  }
}
