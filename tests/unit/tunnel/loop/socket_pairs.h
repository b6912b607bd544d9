// tests/unit/tunnel/loop/socket_pairs.h: connected sockets to watch, and a loop turned by hand.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/loop.h"

namespace culvert::loop {

struct Pair {
  UniqueFd near, far;
};

inline Pair tcp_pair() {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &length);
  UniqueFd one(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(one.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
  return {UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)), std::move(one)};
}

inline Pair unix_pair() {
  int both[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both), 0);
  return {UniqueFd(both[0]), UniqueFd(both[1])};
}

inline void say(const UniqueFd& fd, std::string_view words, int flags = 0) {
  EXPECT_EQ(::send(fd.get(), words.data(), words.size(), MSG_NOSIGNAL | flags), std::ssize(words));
}

// The far program is killed, or closes with SO_LINGER: a RST.
inline void reset(UniqueFd& fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  fd.reset();
}

// Loopback delivers within the system call, so a few turns are enough for whatever is due.
inline void turn(Loop& loop, int times = 4) {
  for (int i = 0; i < times; ++i) uv_run(loop.uv(), UV_RUN_NOWAIT);
}

}  // namespace culvert::loop
