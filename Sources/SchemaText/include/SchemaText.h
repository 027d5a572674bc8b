#ifndef SCHEMA_TEXT_H
#define SCHEMA_TEXT_H

#include <stddef.h>

/// One file of schema/, compiled in.
struct SchemaFile {
  /// Path below schema/.
  const char *_Nonnull path;
  /// Its text, with a zero at the end.
  const char *_Nonnull text;
};

/// How many files there are, in the order in which they are to be executed.
size_t schemaFileCount(void);

/// The file at that place.
struct SchemaFile schemaFile(size_t index);

/// The script of capture/, with a zero at the end.
const char *_Nonnull captureScript(void);
/// The one for ESXi hosts, with a zero at the end.
const char *_Nonnull captureScriptESXi(void);

/// A page of docs/findings/, compiled in.
struct FindingPage {
  /// The code of the finding, as in RING_SATURATED.
  const char *_Nonnull code;
  /// Its text, Markdown of 78 columns, with a zero at the end.
  const char *_Nonnull text;
};

/// How many pages there are, in the order of their codes.
size_t findingPageCount(void);

/// The page at that place.
struct FindingPage findingPage(size_t index);

#endif
