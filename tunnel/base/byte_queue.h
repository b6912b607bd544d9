// tunnel/base/byte_queue.h: a byte FIFO whose content is always one contiguous span.
// Holds no memory while it is empty: idle streams must cost nothing (PROTOCOL.md section 9).
#pragma once
#include <cassert>
#include <cstring>
#include <memory>

#include "tunnel/base/bytes.h"

namespace culvert {

class ByteQueue {
 public:
  bool empty() const { return begin_ == end_; }
  std::size_t size() const { return end_ - begin_; }
  Bytes peek() const { return {store_.get() + begin_, size()}; }
  MutableBytes peek_mutable() { return {store_.get() + begin_, size()}; }

  void append(Bytes data) {
    if (data.empty()) return;
    std::memcpy(prepare(data.size()).data(), data.data(), data.size());
    commit(data.size());
  }

  // Room for at least `count` bytes behind the content, uninitialised; commit() what was written
  // there. The span dies with the next call that is not commit().
  MutableBytes prepare(std::size_t count) {
    if (capacity_ - end_ < count) make_room(count);
    return {store_.get() + end_, capacity_ - end_};
  }
  void commit(std::size_t count) {
    assert(count <= capacity_ - end_);
    end_ += count;
  }

  void pop(std::size_t count) {
    assert(count <= size());
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Gives the memory back if nothing is queued.
  void release_if_empty() {
    if (!empty()) return;
    store_.reset();
    begin_ = end_ = capacity_ = 0;
  }
  std::size_t capacity() const { return capacity_; }

 private:
  void make_room(std::size_t count) {
    const auto used = size();
    if (begin_ >= used && capacity_ - used >= count) {  // amortised O(1): moves less than it popped
      if (used != 0) std::memmove(store_.get(), store_.get() + begin_, used);
    } else {
      auto wanted = capacity_ < 512 ? std::size_t{512} : capacity_ * 2;
      while (wanted - used < count) wanted *= 2;
      std::unique_ptr<std::byte[]> bigger(new std::byte[wanted]);  // uninitialised on purpose
      if (used != 0) std::memcpy(bigger.get(), store_.get() + begin_, used);
      store_ = std::move(bigger);
      capacity_ = wanted;
    }
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<std::byte[]> store_;
  std::size_t begin_ = 0, end_ = 0, capacity_ = 0;
};

}  // namespace culvert
