#include "tunnel/base/heap.h"

#include <malloc.h>

namespace culvert {

void keep_freed_heap() {
  mallopt(M_TRIM_THRESHOLD, static_cast<int>(kHeapKept));
  // Setting the one ends the automatic growth of the other, from which on blocks are mapped and
  // unmapped singly.
  mallopt(M_MMAP_THRESHOLD, static_cast<int>(kHeapKept / 4));
}

}  // namespace culvert
