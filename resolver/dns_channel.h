// resolver/dns_channel.h: one c-ares channel on the loop. Knows no requests, only how to drive it:
// c-ares 1.18 has no thread of its own, so its sockets and its clock are watched here.
#pragma once
#include <ares.h>

#include <unordered_map>

#include "resolver/dns_current_channel.h"
#include "tunnel/base/bytes.h"
#include "tunnel/loop/fd_watch.h"
#include "tunnel/loop/timer.h"

namespace culvert::resolver {

class DnsChannel final : private loop::FdWatch::Listener, private loop::Timer::Listener {
 public:
  DnsChannel(loop::Loop& loop, const DnsOptions& options, DnsUse use);
  ~DnsChannel();  // every query still waiting is called back with ARES_EDESTRUCTION
  DnsChannel(const DnsChannel&) = delete;
  DnsChannel& operator=(const DnsChannel&) = delete;

  // Status of c-ares; queries are possible only if it is ARES_SUCCESS.
  int status() const { return status_; }
  void query(const std::string& name, ares_addrinfo_callback callback, void* argument);
  void send(Bytes message, ares_callback callback, void* argument);  // with an id of its own

 private:
  static void on_socket_state(void* self, ares_socket_t fd, int readable, int writable);
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void on_timer(loop::Timer& timer) override;
  void process(ares_socket_t readable, ares_socket_t writable);

  loop::Loop& loop_;
  ares_channel channel_ = nullptr;
  int status_ = ARES_SUCCESS;
  loop::Timer timer_;
  std::unordered_map<ares_socket_t, loop::FdWatch> watches_;
};

}  // namespace culvert::resolver
