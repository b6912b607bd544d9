// tunnel/base/byte_queue.h: a byte FIFO whose content is always one contiguous span.
// One pointer, and no memory behind it while it is empty: idle streams must cost nothing
// (PROTOCOL.md section 9).
#pragma once
#include <cassert>
#include <cstring>
#include <memory>
#include <new>

#include "tunnel/base/bytes.h"

namespace culvert {

class ByteQueue {
 public:
  bool empty() const { return size() == 0; }
  std::size_t size() const { return block_ ? block_->end - block_->begin : 0; }
  Bytes peek() const { return block_ ? Bytes{block_->data() + block_->begin, size()} : Bytes{}; }
  MutableBytes peek_mutable() {
    return block_ ? MutableBytes{block_->data() + block_->begin, size()} : MutableBytes{};
  }

  void append(Bytes data) {
    if (data.empty()) return;
    std::memcpy(prepare(data.size()).data(), data.data(), data.size());
    commit(data.size());
  }

  // Room for at least `count` bytes behind the content, uninitialised; commit() what was written
  // there. The span dies with the next call that is not commit().
  MutableBytes prepare(std::size_t count) {
    if (count > 0 && (!block_ || block_->capacity - block_->end < count)) make_room(count);
    if (!block_) return {};
    return {block_->data() + block_->end, block_->capacity - block_->end};
  }
  void commit(std::size_t count) {
    if (count == 0) return;
    assert(block_ && count <= block_->capacity - block_->end);
    block_->end += count;
  }

  void pop(std::size_t count) {
    assert(count <= size());
    if (!block_) return;
    block_->begin += count;
    if (block_->begin == block_->end) block_->begin = block_->end = 0;
  }

  // Gives the memory back if nothing is queued.
  void release_if_empty() {
    if (empty()) block_.reset();
  }
  std::size_t capacity() const { return block_ ? block_->capacity : 0; }

 private:
  struct Block {  // and the octets behind it
    std::size_t begin, end, capacity;
    std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
  };
  struct Free {
    void operator()(Block* block) const { ::operator delete(block); }
  };

  void make_room(std::size_t count) {
    const auto used = size(), had = capacity();
    // Amortised O(1): moves less than it popped.
    if (block_ && block_->begin >= used && had - used >= count) {
      if (used != 0) std::memmove(block_->data(), peek().data(), used);
      block_->begin = 0;
      block_->end = used;
      return;
    }
    auto wanted = had < 512 ? std::size_t{512} : had * 2;
    while (wanted - used < count) wanted *= 2;
    void* const memory = ::operator new(sizeof(Block) + wanted);  // uninitialised on purpose
    std::unique_ptr<Block, Free> bigger(new (memory) Block{0, used, wanted});
    if (used != 0) std::memcpy(bigger->data(), peek().data(), used);
    block_ = std::move(bigger);
  }

  std::unique_ptr<Block, Free> block_;
};

}  // namespace culvert
