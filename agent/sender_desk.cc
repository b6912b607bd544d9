#include "agent/sender_desk.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

#include "shim/wire.h"
#include "tunnel/loop/udp_socket.h"

namespace culvert::agent {
namespace {

constexpr int kTries = 64;

bool call_with(int (*call)(int, const sockaddr*, socklen_t), const UniqueFd& fd,
               const SocketAddress& at) {
  sockaddr_storage address{};
  const auto length = at.fill(address);
  return call(fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0;
}

IpAddress address_of(const SocketAddress& server) {
  return server.ip.is_unspecified() ? *IpAddress::parse("::1") : server.ip;
}

std::uint16_t some_port() {
  static thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_int_distribution<std::uint16_t>(CULVERT_ELSEWHERE_FIRST,
                                                      CULVERT_ELSEWHERE_LAST)(generator);
}

}  // namespace

class SenderDesk::Entry final : public flow::DatagramFlow::Companion {
 public:
  Entry(SenderDesk& desk, const SocketAddress& sender) : desk_(desk), sender_(sender) {}
  ~Entry() override { desk_.senders_[sender_].gone = ++desk_.gone_; }

 private:
  SenderDesk& desk_;
  SocketAddress sender_;
};

// Forgets who has gone first.
bool SenderDesk::make_room() {
  if (senders_.size() < kMost) return true;
  const auto order = [](const auto& one) { return one.second.gone - 1; };  // who is there: last
  const auto first = std::ranges::min_element(senders_, {}, order);
  if (first->second.gone == 0) return false;
  senders_.erase(first);
  return true;
}

Result<SenderDesk::Sender> SenderDesk::open(const SocketAddress& caller,
                                            const SocketAddress& server) {
  const SocketAddress to{address_of(server), server.port};
  Sender sender{loop::make_udp_socket(AF_INET6), {}};
  SocketAddress from{to.ip, 0};
  errno = EADDRNOTAVAIL;
  if (!make_room()) sender.socket.reset();
  for (int i = 0; i < kTries && sender.socket; ++i) {
    from.port = some_port();
    const auto known = senders_.find(from);
    const bool too_early = i < kTries / 2;  // for the port of one who has gone
    if (known != senders_.end() && (too_early || known->second.gone == 0)) continue;
    if (!call_with(::bind, sender.socket, from)) continue;
    if (!call_with(::connect, sender.socket, to)) break;
    // What the caller's own port is, is not always told.
    const SocketAddress shown{caller.ip, caller.port == 0 ? from.port : caller.port};
    senders_.insert_or_assign(from, Call{shown, server.port});
    sender.entry = std::make_unique<Entry>(*this, from);
    return sender;
  }
  const int error = errno;
  return fail(from_errno(error),
              "no UDP socket to " + to.to_string() + ": " + std::strerror(error));
}

std::optional<SocketAddress> SenderDesk::caller_at(const SocketAddress& sender) const {
  const auto found = senders_.find(sender);
  if (found == senders_.end()) return std::nullopt;
  return found->second.caller;
}

std::optional<SocketAddress> SenderDesk::sender_for(const SocketAddress& caller,
                                                    std::uint16_t server) const {
  std::optional<SocketAddress> gone;
  for (const auto& [sender, call] : senders_) {
    if (call.caller != caller || call.server != server) continue;
    if (call.gone == 0) return sender;
    gone = sender;
  }
  return gone;
}

}  // namespace culvert::agent
