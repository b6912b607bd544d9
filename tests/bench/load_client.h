// tests/bench/load_client.h: the measurements, one function each. Ordinary blocking and epoll
// sockets and nothing of Culvert: what runs here is any program, natively or through a tunnel.
//
// Each prints one line of JSON. Times in seconds or as named; GB = 10^9 bytes. A measurement that
// cannot be made ends the program with status 1 and a message: there are no half results.
#pragma once
#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/bench/job.h"

namespace culvert::bench {

struct Options {
  sockaddr_in target{};
  bool up = false;  // direction of bulk data: to the server
  std::size_t streams = 1;
  std::size_t concurrency = 1;
  std::size_t most = 10'000;  // connections or echoes, whichever of this and `seconds` is first
  double seconds = 1.0;
  double warm_up = 0.3;  // bulk data that flows before the window; buffers and windows grow
};

// Resolved once, as a program would that opens many connections. IPv4.
sockaddr_in resolve(const std::string& host, const std::string& port);

// GB/s over `streams` at once, counted where the bytes arrive, and slowest / fastest stream.
void measure_throughput(const Options& options);
// One byte there and back on one stream: p50 and p99 in microseconds.
void measure_echo(const Options& options);
// The same while another stream is saturated.
void measure_echo_beside_bulk(const Options& options);
// The same alone, and beside `streams` of bulk data that nobody reads; then what opening takes.
void measure_echo_beside_stalled(const Options& options);
// Connect, 64 bytes there and back, close; `concurrency` at once. Connections per second, and p50
// of one whole connection in microseconds.
void measure_connections(const Options& options);
// Opens `streams`, one byte there and back on each, prints, and holds them until its standard
// input ends.
void hold_idle(const Options& options);

}  // namespace culvert::bench
