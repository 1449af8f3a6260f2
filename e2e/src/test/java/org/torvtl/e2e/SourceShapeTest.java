/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaConstructor;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a class may grow to before it is split by what it is responsible for. */
class SourceShapeTest {
  private static final int MOST_LINES = 450, MOST_PARAMETERS = 7;

  /** A module without sources fails too: then this test looks in the wrong place. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "wire", "ip", "tcp", "host", "link", "stack", "egress", "tor", "onion", "gateway", "lab",
        "cli"
      })
  void noClassIsLongerThanOneCanReadInOneGo(String module) throws IOException {
    var sources = Path.of(System.getProperty("torvtl.root")).resolve(module).resolve("src/main");
    try (var files = Files.walk(sources)) {
      var classes = files.filter(file -> file.toString().endsWith(".java")).toList();
      assertThat(classes).isNotEmpty();
      assertThat(classes)
          .allSatisfy(file ->
              assertThat(Files.readAllLines(file))
                  .as(file.toString())
                  .hasSizeLessThanOrEqualTo(MOST_LINES));
    }
  }

  @Test
  void noMethodHasMoreParametersThanOneCanTellApart() {
    var program =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("org.torvtl");
    List<String> offenders =
        program.stream()
            .flatMap(each -> each.getCodeUnits().stream())
            .filter(unit -> !isOfRecord(unit) && !unit.getFullName().contains("lambda$"))
            .filter(unit -> unit.getRawParameterTypes().size() > MOST_PARAMETERS)
            .map(JavaCodeUnit::getFullName)
            .toList();
    assertThat(program).isNotEmpty();
    assertThat(offenders).isEmpty();
  }

  /** The components of a record have names where it is made of them one by one. */
  private static boolean isOfRecord(JavaCodeUnit unit) {
    return unit instanceof JavaConstructor && unit.getOwner().isRecord();
  }
}
