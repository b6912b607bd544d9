// agent/network_memory.h: the way that worked the last time, for each network, and what an exchange
// of requests learned on it. Sans-IO; its text is kept in the state directory, one network a line,
// the last used first.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tunnel/base/address.h"

namespace culvert::agent {

class NetworkMemory {
 public:
  static constexpr std::size_t kMost = 32;  // networks; then the one not used for longest goes

  static constexpr std::size_t kMostAddresses = 2;

  // Lines that make no sense are dropped: it is only a memory.
  static NetworkMemory from_text(std::string_view text);
  std::string to_text() const;

  // `network` as NetworkFacts::key() writes it; "-" for a gateway's hardware that is not known yet
  // matches a network whose other parts fit, if there is only one.
  std::optional<std::string> find(std::string_view network) const;
  // Of that way in that network; empty: nothing is known.
  std::string exchange(std::string_view network, std::string_view way) const;
  // Where the service itself was reached, in whatever network; the last used first, at most
  // kMostAddresses.
  std::vector<IpAddress> addresses() const;
  // `exchange`: one line without tabs (exchange/capabilities.h), or empty. False: that was known,
  // nothing has changed.
  bool remember(std::string_view network, std::string_view way, std::string_view exchange = {});

 private:
  struct Known {
    std::string network, way, exchange;
  };
  const Known* look(std::string_view network) const;

  std::vector<Known> known_;
};

}  // namespace culvert::agent
