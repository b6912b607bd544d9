#include "tests/chaos/peer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <vector>

namespace culvert::chaos {
namespace {

struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    one = UniqueFd(ends[0]);
    other = UniqueFd(ends[1]);
  }
  UniqueFd one, other;
};

// A client and a server with a wire between them that the test spoils.
class Wire {
 public:
  explicit Wire(const Plan& plan)
      : client(std::move(near_.one), plan), server(std::move(far_.one)) {}

  // Passes everything on but for the octet at `position` from the client, which is changed.
  void run(std::int64_t changed_octet, std::int64_t cut_after = INT64_MAX) {
    for (int turn = 0; turn < 2000 && !over(); ++turn) {
      client.step(INT64_MAX, POLLIN | POLLOUT, client_totals);
      forward(near_.other.get(), far_.other.get(), changed_octet, cut_after);
      server.step(INT64_MAX, POLLIN | POLLOUT, server_totals);
      forward(far_.other.get(), near_.other.get(), -1, INT64_MAX);
    }
  }

  Totals client_totals, server_totals;

 private:
  bool over() const {
    return client.state() != Peer::State::kConnecting && client.state() != Peer::State::kRunning &&
           server.state() != Peer::State::kRunning;
  }

  void forward(int from, int to, std::int64_t changed_octet, std::int64_t cut_after) {
    std::array<char, 4096> chunk;
    const auto count = ::recv(from, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (count == 0) ::shutdown(to, SHUT_WR);
    if (count <= 0) return;
    auto size = count;
    if (from == near_.other.get()) {
      if (changed_octet >= up_ && changed_octet < up_ + count)
        chunk[static_cast<std::size_t>(changed_octet - up_)] ^= 1;
      size = std::min(size, cut_after - up_);
      up_ += count;
    }
    if (size > 0) {
      EXPECT_EQ(::send(to, chunk.data(), static_cast<std::size_t>(size), 0), size);
    }
    if (size < count) ::shutdown(to, SHUT_WR);
  }

  Pair near_, far_;
  std::int64_t up_ = 0;
  Peer client, server;
};

const Plan kPlan{.seed = 7, .hurry_at = 0, .up = {50'000, 1000, 0}, .down = {3'000, 1000, 0}};

TEST(Peer, FinishesWhenEveryOctetOfBothDirectionsHasCome) {
  Wire wire(kPlan);
  wire.run(-1);
  for (const auto& totals : {wire.client_totals, wire.server_totals}) {
    EXPECT_EQ(totals.finished, 1U);
    EXPECT_EQ(totals.lost, 0U) << totals.first_loss;
    EXPECT_EQ(totals.wrong, 0U);
  }
  EXPECT_EQ(wire.server_totals.received, 50'000U);
  EXPECT_EQ(wire.client_totals.received, 3'000U);
}

TEST(Peer, NoticesOneChangedOctet) {
  Wire wire(kPlan);
  wire.run(sizeof(Plan) + 31'007);
  EXPECT_EQ(wire.server_totals.wrong, 1U);
}

TEST(Peer, NoticesAnEndBeforeTheLastOctet) {
  Wire wire(kPlan);
  wire.run(-1, sizeof(Plan) + 49'999);
  EXPECT_EQ(wire.server_totals.lost, 1U);
  EXPECT_EQ(wire.server_totals.first_loss, "it ended after 49999 of 50000 octets");
}

}  // namespace
}  // namespace culvert::chaos
