// tests/bench/job.h: what a load client asks of the load server, in the first 24 octets of each
// connection, and the few socket calls both need. Both run on one machine: one clock
// (CLOCK_MONOTONIC, ns; the same in every namespace), one byte order.
//
// Errors end the program with a message: a bench has nobody to recover for.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tunnel/base/unique_fd.h"

namespace culvert::bench {

enum class Kind : std::uint64_t {
  kSink = 1,    // server reads until the client closes; after `end` it sends one SinkReport
  kSource = 2,  // server sends until the client closes
  kEcho = 3,    // server sends back what it reads
};

// The window is absolute, so that all streams are counted over the very same time, however late
// a tunnel delivers the job.
struct Job {
  Kind kind = Kind::kEcho;
  std::int64_t start = 0;
  std::int64_t end = 0;
};
static_assert(sizeof(Job) == 24);

struct SinkReport {
  std::uint64_t in_window = 0;  // bytes
  std::uint64_t total = 0;      // since the job
};
static_assert(sizeof(SinkReport) == 16);

// 256 KiB: above it nothing gets faster on loopback, below it raw loopback loses.
using Chunk = std::array<std::byte, std::size_t{256} * 1024>;

std::int64_t now_ns();
[[noreturn]] void give_up(const std::string& what);                   // "load: what"
[[noreturn]] void give_up_errno(const std::string& what, int error);  // "load: what: Broken pipe"

UniqueFd make_epoll();
void watch(const UniqueFd& epoll, int fd, std::uint32_t events, void* tag);
void rewatch(const UniqueFd& epoll, int fd, std::uint32_t events, void* tag);
void no_delay(int fd);

// Received or sent bytes; 0: end of stream (receive), -1: it would block, -2: the peer is gone.
std::ptrdiff_t receive_some(int fd, void* to, std::size_t size);
std::ptrdiff_t send_some(int fd, const void* from, std::size_t size);

}  // namespace culvert::bench
