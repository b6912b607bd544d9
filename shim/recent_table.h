// shim/recent_table.h: a few answers of the agent, each for a while, in memory of the process
// alone. Any number of threads, signal handlers and forked children may use it: nobody waits, and
// who would have to, does without.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <time.h>

namespace culvert::shim {

// Keys are compared whole, and not by a hash of them: another key with the same hash must not get
// the answer. Words, because a reader may meet a writer. Zero-initialised: knows nothing.
template <size_t kWords, unsigned kBits = 3>  // 2^kBits answers
struct RecentTable {
  struct Key {
    uint64_t words[kWords];
  };

  bool find(const Key& wanted, uint64_t& value) const {
    const Entry& entry = entries[slot(wanted)];
    const uint32_t turn = __atomic_load_n(&entry.turn, __ATOMIC_ACQUIRE);
    const bool known = turn % 2 == 0 && is_of(entry, wanted) && now_ms() < load(entry.until_ms);
    const uint64_t found = load(entry.value);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (!known || load(entry.turn) != turn) return false;
    value = found;
    return true;
  }

  void remember(const Key& key, uint64_t value, int64_t keep_ms) {
    Entry& entry = entries[slot(key)];
    uint32_t turn = load(entry.turn);
    if (turn % 2 != 0 || !__atomic_compare_exchange_n(&entry.turn, &turn, turn + 1, false,
                                                      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      return;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    for (size_t i = 0; i < kWords; ++i) store(entry.key[i], key.words[i]);
    store(entry.value, value);
    store(entry.until_ms, now_ms() + keep_ms);
    __atomic_store_n(&entry.turn, turn + 2, __ATOMIC_RELEASE);
  }

  // `turn` is odd while somebody writes. A child that was forked just then has lost this entry.
  struct Entry {
    uint32_t turn;
    uint64_t value;
    int64_t until_ms;
    uint64_t key[kWords];
  };
  Entry entries[1 << kBits];

 private:
  static size_t slot(const Key& key) {
    uint64_t mixed = 0;
    for (const uint64_t word : key.words) mixed = (mixed ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return mixed >> (64 - kBits);
  }

  static bool is_of(const Entry& entry, const Key& key) {
    for (size_t i = 0; i < kWords; ++i)
      if (load(entry.key[i]) != key.words[i]) return false;
    return true;
  }

  static int64_t now_ms() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  }

  template <typename T>
  static T load(const T& from) {
    return __atomic_load_n(&from, __ATOMIC_RELAXED);
  }

  template <typename T>
  static void store(T& to, T value) {
    __atomic_store_n(&to, value, __ATOMIC_RELAXED);
  }
};

}  // namespace culvert::shim
