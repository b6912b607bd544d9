#include "tunnel/base/heap.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/unit/sanitized.h"
#include "tunnel/base/byte_queue.h"

namespace culvert {
namespace {

long page_faults() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return used.ru_minflt;
}

// What a turn of a loop does: queues grow, are emptied, and hold nothing afterwards.
void one_turn() {
  ByteQueue queue;
  const ByteVector record(16 * 1024);
  for (int i = 0; i < 20; ++i) queue.append(record);
}

TEST(KeepFreedHeap, AQueueThatComesAndGoesIsNotFaultedInAgain) {
  if (kSanitized) GTEST_SKIP() << "AddressSanitizer brings its own malloc()";
  keep_freed_heap();
  one_turn();
  const auto before = page_faults();
  for (int i = 0; i < 100; ++i) one_turn();
  EXPECT_LT(page_faults() - before, 100);  // else about 80 in each turn
}

}  // namespace
}  // namespace culvert
