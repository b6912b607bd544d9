// resolver/dns_forwarder.h: passes DNS messages on to the system's name servers as they came, by
// c-ares on the loop, and gives their answers as they came (DNSSEC records, unknown types, the AD
// bit ...): only the id is ours on the way. Follows resolv.conf when it changes. Does not look into
// messages, remembers no answers.
#pragma once
#include <memory>
#include <random>

#include "resolver/dns_current_channel.h"
#include "tunnel/base/bytes.h"

namespace culvert::resolver {

class DnsForwarding;

class DnsForwarder {
 public:
  static constexpr std::size_t kMostWaiting = 1024;

  DnsForwarder(loop::Loop& loop, DnsOptions options);
  ~DnsForwarder() = default;  // its forwardings must be gone
  DnsForwarder(const DnsForwarder&) = delete;
  DnsForwarder& operator=(const DnsForwarder&) = delete;

 private:
  friend class DnsForwarding;
  struct Query;  // what c-ares holds on to: outlives a forwarding that was cancelled

  Result<void> start(Query& query, ByteVector message);

  loop::Loop& loop_;
  std::random_device random_;  // ids that nobody guesses
  CurrentDnsChannel channel_;
};

// One message and its answer. Destroying it cancels it. The forwarder must outlive it.
class DnsForwarding final : private loop::Deferred {
 public:
  class Listener {
   public:
    // The answer may be longer than what the asker takes by UDP. kTryAgain: no server answered, or
    // none could; kNotPermitted: all refused; kExhausted. Never from inside the constructor; may
    // destroy it.
    virtual void on_forwarded(DnsForwarding& forwarding, Result<ByteVector> answer) = 0;

   protected:
    ~Listener() = default;
  };

  DnsForwarding(DnsForwarder& forwarder, Bytes message, Listener& listener);  // >= 12 octets
  ~DnsForwarding() override;

 private:
  friend class DnsForwarder;
  void run_deferred() override { listener_.on_forwarded(*this, std::move(answer_)); }
  void give(Result<ByteVector> answer);

  Listener& listener_;
  std::uint16_t id_;
  DnsForwarder::Query* query_ = nullptr;
  Result<ByteVector> answer_;
};

}  // namespace culvert::resolver
