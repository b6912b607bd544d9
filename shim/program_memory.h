// shim/program_memory.h: looks at pointers the program passed, which may be anything: natively a
// bad one gives EFAULT, so it must not become our SIGSEGV.
#pragma once
#include <stddef.h>
#include <sys/socket.h>

namespace culvert::shim {

// Whether `size` (8 to 4096) octets can be read now. Async-signal-safe, errno kept, 0.05 us.
bool is_readable(const void* pointer, size_t size);

// The size of a buffer that a call such as getpeername() is told by `length`; false: as above.
bool read_offered(const socklen_t* length, socklen_t& offered);

}  // namespace culvert::shim
