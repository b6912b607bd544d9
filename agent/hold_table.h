// agent/hold_table.h: one hold listener for each virtual address and port with connects pending.
// Reads no clock.
#pragma once
#include <list>
#include <map>
#include <optional>
#include <utility>

#include "agent/hold_listener.h"
#include "tunnel/base/time.h"

namespace culvert::agent {

class HoldTable {
 public:
  // Keeps a hold alive. The table must outlive it.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept
        : table_(std::exchange(other.table_, nullptr)), key_(other.key_) {}
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { release(); }
    void release();

   private:
    friend class HoldTable;
    Lease(HoldTable& table, const SocketAddress& key) : table_(&table), key_(key) {}
    HoldTable* table_ = nullptr;
    SocketAddress key_;
  };

  static constexpr std::size_t kMostIdle = 256;  // lingering; least recently used goes first
  static constexpr std::size_t kMost = 4096;
  // From an answer with CULVERT_HOLDS_ON on nobody else may listen there, or he would be given the
  // connections of shims that do not ask again: those of the last CULVERT_HOLD_SECONDS stay, and a
  // bit longer, as shims look first and connect then.
  static constexpr std::chrono::milliseconds kPromised{1250};

  HoldTable(bool low_ports_mapped, Duration linger)
      : low_ports_mapped_(low_ports_mapped), linger_(linger) {}

  struct Held {
    Lease lease;
    SocketAddress address;  // where the program must connect to really
  };
  // `virtual_address` as the program wants it. kExhausted: holds or descriptors ran out.
  Result<Held> acquire(const SocketAddress& virtual_address, TimePoint now);
  // What a program wanted whose socket's peer is `held_at`, one of the ports of
  // CULVERT_ELSEWHERE_FIRST; nothing: unknown, or it is what the program wanted.
  std::optional<std::uint16_t> wanted_port(const SocketAddress& held_at) const;
  void close_idle(TimePoint now);  // call now and then
  struct LetGo {
    bool held = false;                        // at that port of any address
    bool used = false;                        // connects are pending there
    std::optional<TimePoint> promised_until;  // to shims that do not ask again
  };
  // Closes what is held at `port` for nobody, so that a program can bind it on every address.
  // Nothing remains there if the answer is neither used nor promised.
  LetGo let_go(std::uint16_t port, TimePoint now);
  std::size_t size() const { return holds_.size(); }

 private:
  struct Hold {
    HoldListener listener;
    std::size_t leases = 0;
    TimePoint idle_since{};
    std::list<SocketAddress>::iterator idle;  // valid while leases == 0
  };
  Result<HoldListener> open_elsewhere(const SocketAddress& wanted);
  void release(const SocketAddress& key);

  bool low_ports_mapped_;
  Duration linger_;
  TimePoint now_{};
  std::map<SocketAddress, Hold> holds_;
  std::list<SocketAddress> idle_;  // least recently used first
  // Where holds were elsewhere, and the port that was wanted: for as long as there may be
  // connections from then. Bounded by those ports.
  std::map<SocketAddress, std::uint16_t> elsewhere_;
};

}  // namespace culvert::agent
