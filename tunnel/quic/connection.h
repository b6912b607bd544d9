// tunnel/quic/connection.h: one QUIC connection (RFC 9000) with one stream, as an ordered pipe of
// octets over datagrams that get lost, repeated, overtaken and damaged. The protocol and its
// congestion control are ngtcp2's; the two files connection*.cc and psk_tls.* alone know it.
//
// Sans-IO: receive() what came, tick() when next_deadline() has come, and after either, and after
// any call that moves octets, send what pack() gives until it gives nothing.
//
// Both sides hold a key of 32 octets that nobody else has. A server is silent towards everybody who
// does not have it: the connection ID that a client begins with is half random and half a code of
// that under the key, so a stranger can neither take the client's place nor make the server send or
// compute anything. The client must write first: the stream is the client's to open.
//
// Does not know addresses: whoever owns the path sends and receives, and a connection lives and
// dies with its path. Every datagram that is sent begins with an octet of 64 to 127 or 192 to 255
// (RFC 9443), so a path can be shared. No keep-alive: a session on top decides how long an idle
// path is worth keeping (tunnel/session/liveness.h), a silence of kMostIdle ends it in any case.
//
// Congestion control by measurement (simulated paths, Mbit/s with Reno, CUBIC, BBR, BBRv2 and what
// share of the datagrams each made a bottleneck drop): 20 Mbit/s, 40 ms: 19.0, 18.9, 18.8, 18.8
// with 0.5, 0.8, 15, 3.6 %; with 1 % of them lost at random besides: 3.5, 4.6, 18.2, 18.3; 100
// Mbit/s, 100 ms, a queue of a quarter of the product: 79, 80, 71, 72. So BBRv2: what is lost at
// random, as radio loses it, costs CUBIC three quarters and more. On loopback it costs a fifth more
// CPU.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <span>

#include "tunnel/base/bytes.h"
#include "tunnel/base/random.h"
#include "tunnel/base/result.h"
#include "tunnel/base/secret.h"
#include "tunnel/base/time.h"

namespace culvert::quic {

class Connection {
 public:
  static constexpr std::chrono::seconds kHandshakeLimit{5}, kMostIdle{180};
  // Octets of a datagram: at first and, where path MTU discovery (RFC 8899) finds it, at most. (The
  // latter: Ethernet without the headers of IPv6 and UDP.)
  static constexpr std::size_t kFirstDatagram = 1200, kMostDatagram = 1452;
  static constexpr std::size_t kMostAtOnce = 64;  // datagrams of pack()
  // Received and not read, or out of order: what the peer may send ahead. It grows with the product
  // of rate and round trip.
  static constexpr std::size_t kFirstWindow = 512 * 1024, kMostWindow = 8 * 1024 * 1024;

  enum class Role : std::uint8_t { kClient, kServer };
  enum class Congestion : std::uint8_t { kReno, kCubic, kBbr, kBbr2 };
  struct Settings {
    Role role = Role::kClient;
    Secret<32> key;
    Random* random = nullptr;  // outlives the connection
    Congestion congestion = Congestion::kBbr2;
    Duration round_trip = std::chrono::milliseconds{100};  // before it is measured: a guess
    std::size_t most_datagram = kMostDatagram;             // kFirstDatagram at least
  };
  struct Facts {
    Duration round_trip{};
    std::size_t window = 0;    // of congestion, octets
    std::size_t datagram = 0;  // octets, as of now
    std::size_t lost = 0;      // datagrams sent and taken for lost
  };

  // What a connection that a client opens with this datagram is told by from others of this key;
  // nothing: it opens none.
  using OpeningId = std::array<std::byte, 18>;
  static std::optional<OpeningId> opening(Bytes datagram, const Secret<32>& key);

  static Result<std::unique_ptr<Connection>> make(const Settings& settings, TimePoint now);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // What does not belong to this connection is dropped.
  void receive(Bytes datagram, TimePoint now);
  void tick(TimePoint now);
  std::optional<TimePoint> next_deadline() const;
  // The next datagrams to be sent; none: nothing now. They stay until the next call.
  std::span<const Bytes> pack(TimePoint now);

  // The stream. What is written before the connection stands waits.
  std::size_t write(Bytes data);  // how many octets were taken: at most room()
  std::size_t room() const;       // 0 as well when it is broken
  void end_writing();             // what was written still arrives, then the end
  std::size_t read(MutableBytes into);
  bool readable() const;  // there are octets
  bool at_end() const;    // the peer ended its direction, and all of it was read

  bool established() const;
  bool delivered() const;  // all that was written, and the end if there is one
  // Ends it at once; pack() has a last datagram that tells the peer so. In order, from the peer's
  // sight, if both directions were ended before.
  void close();
  // Why nothing more comes or goes; what had come before can still be read. Null: it lives.
  const Error* failure() const;
  Facts facts() const;

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace culvert::quic
