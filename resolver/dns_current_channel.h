// resolver/dns_current_channel.h: a c-ares channel that follows the system's configuration: opened
// when it is first needed, and anew when resolv.conf has changed (machines roam), but not while
// queries wait on the old one. Knows no requests.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "tunnel/base/result.h"
#include "tunnel/loop/loop.h"

namespace culvert::resolver {

class DnsChannel;

struct DnsOptions {
  std::string servers;  // "192.0.2.1:53,[2001:db8::1]:53"; empty: those of resolv.conf
  Duration timeout = std::chrono::seconds{3};  // of the first try; c-ares doubles it
  int tries = 3;
};

// kMessages: answers may be as large as EDNS lets them be, and are given as they came.
enum class DnsUse { kNames, kMessages };

// Of /etc/resolv.conf; 0 if there is none. Another number: read it anew.
std::int64_t resolver_changed_at();

class CurrentDnsChannel {
 public:
  CurrentDnsChannel(loop::Loop& loop, DnsOptions options, DnsUse use);
  ~CurrentDnsChannel();  // every query still waiting is called back with ARES_EDESTRUCTION
  CurrentDnsChannel(const CurrentDnsChannel&) = delete;
  CurrentDnsChannel& operator=(const CurrentDnsChannel&) = delete;

  // For one query, which waits from now on until ended(). kTryAgain: no configuration.
  Result<DnsChannel*> begin();
  void ended() { --waiting_; }
  std::size_t waiting() const { return waiting_; }

 private:
  loop::Loop& loop_;
  DnsOptions options_;
  DnsUse use_;
  std::size_t waiting_ = 0;
  std::int64_t configured_at_ = 0;  // change time of resolv.conf when the channel read it
  std::unique_ptr<DnsChannel> channel_;
};

}  // namespace culvert::resolver
