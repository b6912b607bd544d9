#include "resolver/dns_channel.h"

#include <algorithm>

namespace culvert::resolver {
namespace {

constexpr int kLargestAnswer = 4096;  // by UDP; c-ares reads no more

}  // namespace

DnsChannel::DnsChannel(loop::Loop& loop, const DnsOptions& options, DnsUse use)
    : loop_(loop), timer_(loop, *this) {
  ares_options wanted{};
  wanted.sock_state_cb = &DnsChannel::on_socket_state;
  wanted.sock_state_cb_data = this;
  wanted.timeout = static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout).count());
  wanted.tries = options.tries;
  int given = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
  if (use == DnsUse::kMessages) {  // without EDNS c-ares cuts what is longer than 512 octets
    wanted.flags = ARES_FLAG_EDNS;
    wanted.ednspsz = kLargestAnswer;
    given |= ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ;
  }
  status_ = ares_init_options(&channel_, &wanted, given);
  if (status_ == ARES_SUCCESS && !options.servers.empty())
    status_ = ares_set_servers_ports_csv(channel_, options.servers.c_str());
}

DnsChannel::~DnsChannel() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

void DnsChannel::query(const std::string& name, ares_addrinfo_callback callback, void* argument) {
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, callback, argument);
  process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void DnsChannel::send(Bytes message, ares_callback callback, void* argument) {
  ares_send(channel_, as_u8(message), static_cast<int>(message.size()), callback, argument);
  process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

// Called before c-ares closes a socket too (neither readable nor writable wanted): the watch must
// be gone by then.
void DnsChannel::on_socket_state(void* self, ares_socket_t fd, int readable, int writable) {
  auto& channel = *static_cast<DnsChannel*>(self);
  if (readable == 0 && writable == 0) {
    channel.watches_.erase(fd);
    return;
  }
  auto& listener = static_cast<loop::FdWatch::Listener&>(channel);
  const auto [at, added] = channel.watches_.try_emplace(fd, channel.loop_, fd, listener);
  at->second.start(readable != 0, writable != 0);
}

void DnsChannel::on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) {
  const auto found = std::find_if(watches_.begin(), watches_.end(),
                                  [&](const auto& each) { return &each.second == &watch; });
  if (found == watches_.end()) return;
  const auto fd = found->first;
  process(readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
}

void DnsChannel::on_timer(loop::Timer&) { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

void DnsChannel::process(ares_socket_t readable, ares_socket_t writable) {
  ares_process_fd(channel_, readable, writable);
  timeval left{};
  if (ares_timeout(channel_, nullptr, &left) == nullptr) return timer_.stop();
  timer_.start(std::chrono::seconds{left.tv_sec} + std::chrono::microseconds{left.tv_usec});
}

}  // namespace culvert::resolver
