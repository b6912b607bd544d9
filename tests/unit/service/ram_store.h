// The Store in a map, for tests of what decides by it. Can be made to fail.
#pragma once
#include <map>

#include "service/store.h"

namespace culvert::service {

class RamStore final : public Store {
 public:
  bool broken = false;
  std::map<std::string, StoreEntry> entries;

  void put(const std::string& key, ByteVector value) {
    entries[key] = {key, std::move(value), ++revision_};
  }

  void get(StoreCall& call, const std::vector<std::string>& keys) override {
    if (broken) return call.complete(fail(ErrorCode::kIo, "the disk is gone"));
    StoreCall::Answer answer;
    for (const auto& key : keys)
      if (const auto found = entries.find(key); found != entries.end())
        answer.entries.push_back(found->second);
    call.complete(std::move(answer));
  }
  void list(StoreCall& call, const std::string&, const std::string&, std::size_t) override {
    call.complete(StoreCall::Answer{});
  }
  void transact(StoreCall& call, const std::vector<StoreCondition>& conditions,
                const std::vector<StoreChange>& changes) override {
    StoreCall::Answer answer;
    answer.committed = true;
    for (const auto& [key, revision] : conditions) {
      const auto found = entries.find(key);
      if ((found == entries.end() ? 0 : found->second.revision) != revision)
        answer.committed = false;
    }
    if (answer.committed)
      for (const auto& [key, value] : changes) {
        if (value)
          put(key, *value);
        else
          entries.erase(key);
      }
    call.complete(std::move(answer));
  }
  void watch(const std::string&, Watcher&) override {}
  void unwatch(Watcher&) override {}

 private:
  std::uint64_t revision_ = 0;
};

}  // namespace culvert::service
