// shim/program_memory.h: looks at pointers the program passed, which may be anything: natively a
// bad one gives EFAULT, so it must not become our SIGSEGV.
#pragma once
#include <stddef.h>

namespace culvert::shim {

// Whether `size` (8 to 4096) octets can be read now. Async-signal-safe, errno kept, 0.05 us.
bool is_readable(const void* pointer, size_t size);

}  // namespace culvert::shim
