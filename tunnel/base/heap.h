// tunnel/base/heap.h: the malloc() of a daemon.
#pragma once
#include <cstddef>

namespace culvert {

// Freed memory up to this stays with the process: the most that one session queues for its streams.
constexpr std::size_t kHeapKept = 16u << 20;

// Call once, early, in programs that carry streams. By default glibc gives the top of the heap back
// from 128 KiB on: the queues of one turn went with its end and were faulted in again in the next,
// page by page (measured in the receiving agent: 37,000 to 348,000 faults per GB and up to 40 % of
// its time; with this below 2,000).
void keep_freed_heap();

}  // namespace culvert
