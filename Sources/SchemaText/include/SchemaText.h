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

#endif
