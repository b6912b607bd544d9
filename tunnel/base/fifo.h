// tunnel/base/fifo.h: a queue that costs nothing while it is empty. An empty std::deque of
// libstdc++ holds 576 octets of heap, and an idle session would have seven of them.
#pragma once
#include <cassert>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

namespace culvert {

template <class T>
class Fifo {
 public:
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }
  T& front() { return items_[head_]; }
  const T& front() const { return items_[head_]; }
  T& back() { return items_.back(); }
  auto begin() const { return items_.begin() + static_cast<std::ptrdiff_t>(head_); }
  auto end() const { return items_.end(); }

  void push_back(T item) { items_.push_back(std::move(item)); }
  void pop_front() {
    assert(!empty());
    ++head_;
    if (empty())
      clear();
    else if (head_ >= kGap && head_ >= size())
      close_gap();  // amortised O(1): moves less than was popped
  }
  void clear() {
    items_.clear();
    if (items_.capacity() > kKept) std::vector<T>().swap(items_);
    head_ = 0;
  }
  // All of `other` goes before what is here.
  void prepend(Fifo&& other) {
    for (auto i = head_; i < items_.size(); ++i) other.push_back(std::move(items_[i]));
    *this = std::exchange(other, {});
  }

 private:
  static constexpr std::size_t kGap = 32, kKept = 16;
  void close_gap() {
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  std::vector<T> items_;
  std::size_t head_ = 0;
};

}  // namespace culvert
