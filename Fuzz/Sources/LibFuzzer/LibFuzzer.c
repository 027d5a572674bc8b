#define _GNU_SOURCE
#include "LibFuzzer.h"

#include <sys/mman.h>

int fileInMemory(void) { return memfd_create("input", 0); }
