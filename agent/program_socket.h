// agent/program_socket.h: what a duplicate of a program's socket says about it.
#pragma once
#include <chrono>
#include <cstdint>

#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

int option_of(const UniqueFd& socket, int option);  // of SOL_SOCKET; -1: there is none such
bool is_internet(const UniqueFd& socket);           // IPv4 or IPv6
bool is_datagram(const UniqueFd& socket);           // of either
bool is_blocking(const UniqueFd& socket);
std::uint64_t cookie_of(const UniqueFd& socket);  // SO_COOKIE
// When a call that begins now has to give up; `option`: SO_SNDTIMEO or SO_RCVTIMEO.
std::chrono::steady_clock::time_point deadline_of(const UniqueFd& socket, int option);

// While it is there, the socket shares addresses (SO_REUSEADDR), if it is `needed`.
class AddressSharing {
 public:
  AddressSharing(const UniqueFd& socket, bool needed);
  AddressSharing(const AddressSharing&) = delete;
  AddressSharing& operator=(const AddressSharing&) = delete;
  ~AddressSharing();

 private:
  const UniqueFd& socket_;
  bool shares_;  // not as the program wants it
};

}  // namespace culvert::agent
