// service/store.h: INTERFACE of where the service keeps what must survive: keys in order, values,
// and one revision that grows with every commit. Small enough for one SQLite file and for etcd.
//
// Asynchronous: every answer comes from the loop, later, through the StoreCall it was asked with.
// Knows nothing of what the values mean (service/records.h). Keys are UTF-8, ordered by octets; a
// value has at most 64 KiB. Errors: kIo with the engine's words.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"
#include "tunnel/loop/loop.h"

namespace culvert::service {

struct StoreEntry {
  std::string key;
  ByteVector value;
  std::uint64_t revision = 0;  // of the commit that wrote it
};
struct StoreCondition {
  std::string key;
  std::uint64_t revision = 0;  // the entry's now; 0: there is no such entry
};
struct StoreChange {
  std::string key;
  std::optional<ByteVector> value;  // nullopt: remove
};

// One question at a time. Destroying it drops the answer; a change that was asked for may still
// be made.
class StoreCall final : private loop::Deferred {
 public:
  class Listener {
   public:
    virtual void on_store_answer(StoreCall& call) = 0;  // may destroy it, or ask again with it

   protected:
    ~Listener() = default;
  };
  struct Answer {
    bool committed = false;           // of transact(): every condition held
    std::vector<StoreEntry> entries;  // of get() and list(): those that exist, in order of keys
    const StoreEntry* find(std::string_view key) const;
  };

  StoreCall(loop::Loop& loop, Listener& listener)
      : Deferred(loop), listener_(listener), answer_(Answer{}) {}
  const Result<Answer>& answer() const { return answer_; }

  void complete(Result<Answer> answer);  // by the store

 private:
  void run_deferred() override { listener_.on_store_answer(*this); }

  Listener& listener_;
  Result<Answer> answer_;
};

class Store {
 public:
  class Watcher {
   public:
    // Once for each entry that was changed, also by another process; only its newest state.
    virtual void on_entry_changed(const StoreEntry& entry, bool removed) = 0;

   protected:
    ~Watcher() = default;
  };

  virtual void get(StoreCall& call, const std::vector<std::string>& keys) = 0;
  // Entries whose key starts with `prefix` and is behind `after`, at most `limit` of them.
  virtual void list(StoreCall& call, const std::string& prefix, const std::string& after,
                    std::size_t limit) = 0;
  // All changes if all conditions hold, else none; durable when answered.
  virtual void transact(StoreCall& call, const std::vector<StoreCondition>& conditions,
                        const std::vector<StoreChange>& changes) = 0;
  // From now on. One watcher may watch one prefix.
  virtual void watch(const std::string& prefix, Watcher& watcher) = 0;
  virtual void unwatch(Watcher& watcher) = 0;
  virtual ~Store() = default;
};

inline void StoreCall::complete(Result<Answer> answer) {
  answer_ = std::move(answer);
  schedule();
}

inline const StoreEntry* StoreCall::Answer::find(std::string_view key) const {
  for (const auto& entry : entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

}  // namespace culvert::service
