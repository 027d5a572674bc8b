// The driver of libFuzzer, which comes with the compiler.
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv,
                        int (*callback)(const uint8_t *data, size_t size));

// A file that is on no disk; its descriptor.
int fileInMemory(void);
