// service/replay_floors.h: keeps the replay guard's memory across restarts.
//
// Written behind, once a second: a commit for every hello would cost an fsync each. So after a
// crash (never after an orderly stop) the hellos of the last second could be repeated, once. Who
// repeats one cannot read or write the session; only the streams in its first message would be
// opened again.
#pragma once
#include <map>

#include "service/records.h"
#include "service/store.h"
#include "tunnel/loop/timer.h"

namespace culvert::service {

class ReplayFloors final : private StoreCall::Listener, private loop::Timer::Listener {
 public:
  static constexpr Duration kWriteBehind = std::chrono::seconds{1};

  class Listener {
   public:
    virtual void on_floors_loaded(Result<void> outcome) = 0;  // once

   protected:
    ~Listener() = default;
  };

  ReplayFloors(loop::Loop& loop, Store& store, Listener& listener);
  void load();
  crypto::ReplayGuard& guard() { return guard_; }
  void accepted(const crypto::PublicKey& key, std::uint64_t timestamp);
  void flush();  // before an orderly end

 private:
  void on_store_answer(StoreCall& call) override;
  void on_timer(loop::Timer&) override { flush(); }

  Store& store_;
  Listener& listener_;
  crypto::ReplayGuard guard_;
  std::map<crypto::PublicKey, UnixTime> unsaved_;
  StoreCall loading_;
  struct Complaint final : StoreCall::Listener {
    void on_store_answer(StoreCall& call) override;
  } complaint_;
  StoreCall saving_;
  loop::Timer timer_;
};

}  // namespace culvert::service
