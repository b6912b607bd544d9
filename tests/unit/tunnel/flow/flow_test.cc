// Programs on real loopback sockets, joined by two flows over a session on a real carrier.
#include "tunnel/flow/flow.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "tests/unit/sanitized.h"
#include "tunnel/flow/flow_list.h"
#include "tunnel/loop/forwarding_pipe.h"
#include "tunnel/loop/tcp_listener.h"
#include "tunnel/session/greeter.h"

namespace culvert::flow {
namespace {

using session::Greeter;
using session::SessionLink;

std::pair<UniqueFd, UniqueFd> tcp_pair() {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &length);
  UniqueFd one(::socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_EQ(::connect(one.get(), reinterpret_cast<sockaddr*>(&at), length), 0);
  return {std::move(one), UniqueFd(::accept(listener.get(), nullptr, nullptr))};
}

struct MeteredPipe final : loop::ForwardingPipe {
  MeteredPipe(std::unique_ptr<BytePipe> pipe, std::vector<std::size_t>& sizes)
      : ForwardingPipe(std::move(pipe)), written(sizes) {}
  loop::IoResult write(Bytes from) override {
    const auto put = ForwardingPipe::write(from);
    const bool all = put.state == loop::IoResult::State::kMoved && put.count == from.size();
    if (all && !cut) written.push_back(put.count);
    cut = !all;
    return put;
  }
  std::vector<std::size_t>& written;  // but for what the pipe took in parts
  bool cut = false;
};

// The responding end: greets, accepts everybody, joins each stream to a socket it is given.
struct Acceptor final : Greeter::Listener, SessionLink::Listener {
  Acceptor(loop::Loop& l, UniqueFd carrier, const crypto::KeyPair& self)
      : loop(l),
        greeter(std::make_unique<Greeter>(
            l, std::make_unique<loop::TcpSocket>(l, std::move(carrier)), ByteVector{}, self, random,
            std::chrono::seconds{5}, *this)) {}
  void on_greeted(Greeter& g, session::ResponderHandshake::Greeting& greeting) override {
    early = std::move(greeting.early_frames);
    control::HelloAnswer answer;
    answer.aead = greeting.hello.aeads.front();
    aead = static_cast<crypto::AeadAlgorithm>(answer.aead);
    g.answer(answer);
  }
  void on_answered(Greeter& g) override {
    session::FreshCarrier carrier{
        g.take_pipe(), {g.keys(), aead, std::move(early), {}}, g.take_received()};
    link.emplace(loop, std::move(carrier), Duration{}, *this);
    greeter.reset();
  }
  void on_greeting_failed(Greeter&, const Error& why) override { FAIL() << why.detail; }
  void on_session_up(SessionLink&) override {}
  void on_stream_opened(SessionLink& l, mux::StreamId stream, const control::Target& t) override {
    target = t;
    if (!destination) return l.refuse(stream, ErrorCode::kRefused, "nothing here");
    l.accept(stream);
    flows.add(loop, l, stream, std::move(destination));
  }
  void on_control(SessionLink&, const control::Message&) override {}
  void on_session_down(SessionLink&, const Error& why) override {
    down = why;
    link.reset();
  }
  loop::Loop& loop;
  SystemRandom random;
  std::unique_ptr<Greeter> greeter;
  ByteVector early;
  crypto::AeadAlgorithm aead{};
  std::optional<SessionLink> link;
  control::Target target;
  UniqueFd destination;
  FlowList flows;
  std::optional<Error> down;
};

struct Opener final : SessionLink::Listener, SessionLink::StreamHandler {
  void on_session_up(SessionLink&) override { up = true; }
  void on_stream_opened(SessionLink&, mux::StreamId, const control::Target&) override {}
  void on_control(SessionLink&, const control::Message&) override {}
  void on_session_down(SessionLink&, const Error& why) override {
    down = why;
    link.reset();
  }
  void on_stream_accepted() override {
    if (source) flows.add(*loop, *link, stream, std::move(source));
  }
  void on_stream_readable() override {}
  void on_stream_writable() override {}
  void on_stream_reset(const Error& why) override { reset = why; }
  loop::Loop* loop = nullptr;
  std::optional<SessionLink> link;
  mux::StreamId stream{};
  UniqueFd source;
  FlowList flows;
  std::optional<Error> reset, down;
  bool up = false;
};

class FlowTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_GE(sodium_init(), 0);
    auto [near, far] = tcp_pair();
    const auto alice = crypto::KeyPair::generate(random_), bob = crypto::KeyPair::generate(random_);
    acceptor_ = std::make_unique<Acceptor>(loop_, std::move(far), bob);
    opener_.loop = &loop_;
    written_.reserve(16'384);  // so that it does not grow while a test counts memory
    auto carrier = std::make_unique<loop::TcpSocket>(loop_, std::move(near));
    opener_.link.emplace(loop_, std::make_unique<MeteredPipe>(std::move(carrier), written_),
                         SessionLink::Initiator{alice, bob.public_key, {}}, opener_);
  }
  void TearDown() override {
    opener_.flows.clear();
    opener_.link.reset();
    acceptor_.reset();
  }
  // Joins a program's socket here to a destination's there; gives the outer ends.
  void join() { join_one(1); }
  void join_one(std::size_t flows) {
    auto [program, source] = tcp_pair();
    auto [destination, inner] = tcp_pair();
    program_ = std::move(program);
    destination_ = std::move(destination);
    opener_.source = std::move(source);
    acceptor_->destination = std::move(inner);
    opener_.stream = *opener_.link->open({control::Target::Kind::kEndpointPort, "", 80}, opener_);
    run_until([this, flows] { return opener_.flows.size() == flows; });
  }
  template <class F>
  void run_until(F&& done) {
    for (int turn = 0; turn < 20'000 && !done(); ++turn) uv_run(loop_.uv(), UV_RUN_NOWAIT);
    EXPECT_TRUE(done());
  }
  bool readable(const UniqueFd& fd) {
    pollfd p{fd.get(), POLLIN, 0};
    return ::poll(&p, 1, 0) == 1;
  }

  loop::Loop loop_;
  SystemRandom random_;
  std::unique_ptr<Acceptor> acceptor_;
  Opener opener_;
  std::vector<std::size_t> written_;  // to the opener's carrier
  UniqueFd program_, destination_;
};

TEST_F(FlowTest, BytesHalfCloseAndEndPassBothWays) {
  join();
  EXPECT_EQ(acceptor_->target.port, 80);
  ASSERT_EQ(::send(program_.get(), "ping", 4, 0), 4);
  ::shutdown(program_.get(), SHUT_WR);
  run_until([this] { return readable(destination_); });
  char buffer[16];
  EXPECT_EQ(::recv(destination_.get(), buffer, sizeof buffer, 0), 4);
  run_until([this] { return readable(destination_); });
  EXPECT_EQ(::recv(destination_.get(), buffer, sizeof buffer, 0), 0) << "the FIN arrived";
  ASSERT_EQ(::send(destination_.get(), "pong!", 5, 0), 5) << "the other direction goes on";
  destination_.reset();
  run_until([this] { return opener_.flows.size() == 0; });
  EXPECT_EQ(::recv(program_.get(), buffer, sizeof buffer, 0), 5);
  EXPECT_EQ(::recv(program_.get(), buffer, sizeof buffer, 0), 0);
  run_until([this] { return acceptor_->link->streams().stream_count() == 1; });
}

// As often as one reads it; where urgent ones follow each other, the last counts, as in TCP.
TEST_F(FlowTest, UrgentOctetsAreUrgentAtTheFarEnd) {
  join();
  for (int size : {0, 1, 2, 1000, 20'000, 60'000, 100'000}) {
    SCOPED_TRACE(size);
    const std::string before(static_cast<std::size_t>(size), 'a');
    ASSERT_EQ(::send(program_.get(), before.data(), before.size(), 0), size);
    ASSERT_EQ(::send(program_.get(), "!", 1, MSG_OOB), 1);
    ASSERT_EQ(::send(program_.get(), "zz", 2, 0), 2);
    std::string got;
    const auto take = [&](std::size_t all) {  // and nothing behind them
      std::array<char, 4096> buffer;
      if (got.size() >= all) return true;
      const auto n = ::recv(destination_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (n > 0) got.append(buffer.data(), static_cast<std::size_t>(n));
      return got.size() >= all;
    };
    run_until([&] { return take(before.size()); });
    EXPECT_EQ(got.size(), before.size()) << "a read ends at the mark";
    char urgent = 0;
    run_until([&] { return urgent != 0 || ::recv(destination_.get(), &urgent, 1, MSG_OOB) == 1; });
    EXPECT_EQ(urgent, '!');
    EXPECT_EQ(::sockatmark(destination_.get()), 1);
    got.clear();
    run_until([&] { return take(2); });
    EXPECT_EQ(got, "zz");
  }
}

// A peer may say what it likes: the octets arrive, in line.
TEST_F(FlowTest, MarksThatMeanNothingChangeNothing) {
  join();
  auto& streams = opener_.link->streams();
  const auto mark = [&](ByteVector bytes) {
    streams.send_datagram(opener_.stream, bytes, loop::Loop::precise_now());
  };
  mark({});
  mark(ByteVector(7));
  mark(ByteVector(8, std::byte{0xff}));
  ASSERT_EQ(::send(program_.get(), "abc", 3, 0), 3);
  run_until([this] { return readable(destination_); });
  mark(ByteVector(8));  // of an octet that has been there
  opener_.link->schedule();
  ASSERT_EQ(::send(program_.get(), "def", 3, 0), 3);
  std::string got;
  run_until([&] {
    std::array<char, 16> buffer;
    const auto n = ::recv(destination_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n > 0) got.append(buffer.data(), static_cast<std::size_t>(n));
    return got.size() >= 6;
  });
  EXPECT_EQ(got, "abcdef");
}

// What the allocator makes of it: the stream, its place in the table, the flow, the
// poller's place; of both ends, which are both in this process.
TEST_F(FlowTest, AnIdleStreamCostsAtMost256OctetsOnEachSide) {
  if (kSanitized) GTEST_SKIP() << "AddressSanitizer brings its own malloc()";
  const rlimit enough{4096, 20'000};
  ::setrlimit(RLIMIT_NOFILE, &enough);
  std::vector<UniqueFd> held;
  held.reserve(2000);
  const auto hold = [&](std::size_t streams) {
    while (opener_.flows.size() < streams) {
      join_one(opener_.flows.size() + 1);
      char byte = 0;
      ASSERT_EQ(::send(program_.get(), "?", 1, 0), 1);
      run_until([this] { return readable(destination_); });
      ASSERT_EQ(::recv(destination_.get(), &byte, 1, 0), 1);
      held.push_back(std::move(program_));
      held.push_back(std::move(destination_));
    }
    run_until([this] { return !opener_.link->streams().has_output(); });
    ::malloc_trim(0);
  };
  hold(20);
  const auto before = ::mallinfo2().uordblks;
  hold(320);
  const auto each = (::mallinfo2().uordblks - before) / 300 / 2;
  RecordProperty("octets", static_cast<int>(each));
  EXPECT_LE(each, 256u);
  EXPECT_GT(each, 100u) << "measured nothing";
}

TEST_F(FlowTest, AResetArrivesAsAReset) {
  join();
  const linger now{1, 0};
  setsockopt(program_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  program_.reset();
  run_until([this] { return readable(destination_); });
  char buffer[16];
  EXPECT_EQ(::recv(destination_.get(), buffer, sizeof buffer, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

// Natively the kernel tells of it by an event, however much lies unread before it.
TEST_F(FlowTest, AResetArrivesThoughNobodyReadsWhatCameBefore) {
  join();
  fcntl(program_.get(), F_SETFL, O_NONBLOCK);
  const ByteVector block(1 << 16);
  std::size_t unmoved = 0;
  run_until([&] {
    unmoved = ::send(program_.get(), block.data(), block.size(), 0) > 0 ? 0 : unmoved + 1;
    return unmoved > 1000;
  });
  const linger now{1, 0};
  setsockopt(program_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  program_.reset();
  run_until([this] {
    pollfd p{destination_.get(), POLLRDHUP, 0};
    return ::poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
  });
  ByteVector buffer(1 << 16);
  EXPECT_GT(::recv(destination_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT), 0)
      << "what had come is there to be read";
  ssize_t last = 1;
  for (int i = 0; i < 10'000 && last > 0; ++i)
    last = ::recv(destination_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  EXPECT_EQ(last, -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(FlowTest, ARefusalReachesTheOpenerWithItsReason) {
  opener_.stream = *opener_.link->open({control::Target::Kind::kEndpointPort, "", 81}, opener_);
  run_until([this] { return opener_.reset.has_value(); });
  EXPECT_EQ(opener_.reset->code, ErrorCode::kRefused);
  EXPECT_EQ(opener_.reset->detail, "nothing here");
}

TEST_F(FlowTest, WhenTheSessionGoesDownProgramsSeeAReset) {
  join();
  acceptor_->flows.clear();
  acceptor_->link.reset();
  run_until([this] { return opener_.down.has_value(); });
  char buffer[16];
  EXPECT_EQ(::recv(program_.get(), buffer, sizeof buffer, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(FlowTest, ASessionThatIsClosedSaysGoodbye) {
  run_until([this] { return opener_.up; });
  opener_.link->close("the machine shuts down");
  run_until([this] { return acceptor_->down && opener_.down; });
  EXPECT_EQ(acceptor_->down->code, ErrorCode::kClosed);
  EXPECT_NE(acceptor_->down->detail.find("the machine shuts down"), std::string::npos);
}

// Of a program that is always ahead: its octets fill records, without a few left over each time.
TEST_F(FlowTest, BulkGoesInWholeRecords) {
  join();
  loop::tune_local_leg(program_.get());
  opener_.flows.for_each([](const Flow& flow) { loop::tune_local_leg(flow.fd()); });
  written_.clear();
  const ByteVector block(1 << 20);
  ByteVector buffer(1 << 20);
  for (std::size_t sent = 0, got = 0; sent < 64'000'000 || got < sent;) {
    if (sent < 64'000'000) {
      const auto n = ::send(program_.get(), block.data(), block.size(), MSG_DONTWAIT);
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
    uv_run(loop_.uv(), UV_RUN_NOWAIT);
    const auto n = ::recv(destination_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n > 0) got += static_cast<std::size_t>(n);
  }
  const auto large = std::ranges::count_if(written_, [](std::size_t n) { return n > 60'000; });
  const auto little = std::ranges::count_if(written_, [](std::size_t n) { return n < 4096; });
  RecordProperty("large", static_cast<int>(large));
  RecordProperty("little", static_cast<int>(little));
  EXPECT_GT(large, 100);
  EXPECT_LT(little, large / 10);
}

TEST_F(FlowTest, AHundredMegabytesArriveUnchangedAgainstASlowReader) {
  join();
  constexpr std::size_t kTotal = 100'000'000;
  std::thread writer([this] {
    ByteVector block(1 << 16);
    for (std::size_t sent = 0; sent < kTotal;) {
      for (std::size_t i = 0; i < block.size(); ++i)
        block[i] = static_cast<std::byte>((sent + i) % 251);
      const auto n = ::send(program_.get(), block.data(), std::min(block.size(), kTotal - sent), 0);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    ::shutdown(program_.get(), SHUT_WR);
  });
  std::size_t got = 0, wrong = 0;
  bool ended = false;
  ByteVector buffer(1 << 17);
  for (int turn = 0; turn < 10'000'000 && !ended; ++turn) {
    uv_run(loop_.uv(), UV_RUN_NOWAIT);
    const auto n =
        ::recv(destination_.get(), buffer.data(), 1 + (got * 7919) % buffer.size(), MSG_DONTWAIT);
    ended = n == 0;
    for (ssize_t i = 0; i < n; ++i, ++got)
      wrong += buffer[static_cast<std::size_t>(i)] != static_cast<std::byte>(got % 251) ? 1u : 0u;
  }
  writer.join();
  EXPECT_EQ(got, kTotal);
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace culvert::flow
