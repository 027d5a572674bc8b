#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
