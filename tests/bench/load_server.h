// tests/bench/load_server.h: the far program of every measurement: sink, source and echo on one
// port. Two threads, so that an echo never waits for this program's own bulk work: what is
// measured beside a bulk stream is the tunnel.
#pragma once
#include <cstdint>
#include <string>

namespace culvert::bench {

// Prints the port in one line when it listens (port 0: any), then serves until it is killed.
[[noreturn]] void serve(const std::string& address, std::uint16_t port);

}  // namespace culvert::bench
