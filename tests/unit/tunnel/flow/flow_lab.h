// flow_lab.h: programs on real loopback sockets, joined by two flows over a
// session on a real carrier.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>

#include "tunnel/flow/flow.h"
#include "tunnel/flow/flow_list.h"
#include "tunnel/loop/forwarding_pipe.h"
#include "tunnel/loop/tcp_listener.h"
#include "tunnel/session/greeter.h"

namespace culvert::flow {

using session::Greeter;
using session::SessionLink;

inline std::pair<UniqueFd, UniqueFd> tcp_pair() {
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
  // Also what waits for time to pass.
  template <class F>
  void run_for_a_while_until(F&& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    bool is_done = done();
    for (; !is_done && std::chrono::steady_clock::now() < end; is_done = done())
      uv_run(loop_.uv(), UV_RUN_NOWAIT);
    EXPECT_TRUE(is_done);
  }
  static void reset(UniqueFd& program) {
    const linger now{1, 0};
    setsockopt(program.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    program.reset();
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

}  // namespace culvert::flow
