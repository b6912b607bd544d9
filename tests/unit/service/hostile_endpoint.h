// An enrolled endpoint that says what it likes, frame by frame, and hears only what it wants to.
#pragma once
#include "service_lab.h"
#include "tunnel/mux/frame.h"
#include "tunnel/session/record.h"

namespace culvert::service {

class HostileEndpoint final {
 public:
  // Logs in as `endpoint`, which is enrolled.
  HostileEndpoint(ServiceLab& lab, const TestEndpoint& endpoint) : lab_(lab) {
    session::InitiatorHandshake handshake(endpoint.key, lab.key(), lab.random());
    auto hello = endpoint.hello(control::Purpose::kSession);
    lab.random().fill(hello.session);
    socket_ = lab.dial();
    write(*handshake.start(hello, {}));
    ByteVector answer;
    EXPECT_TRUE(lab.until([&] {
      std::byte buffer[4096];
      const auto got = socket_->read(buffer);
      append(answer, Bytes{buffer}.first(got.count));
      std::size_t taken = 0;
      auto outcome = handshake.receive(answer, taken);
      if (!outcome || !*outcome) return false;
      constexpr auto kAead = crypto::AeadAlgorithm::kChaCha20Poly1305;  // TestEndpoint offers it
      sealer_.emplace(session::RecordKeys{(*outcome)->keys.sending, kAead});
      return true;
    }));
  }

  // One record of these. Reads nothing. False: the service takes no more.
  bool say(Bytes frames) {
    ByteVector record(frames.size() + session::kRecordOverhead);
    std::copy(frames.begin(), frames.end(), record.begin() + session::kRecordHeader);
    sealer_->seal(record);
    return write(record);
  }
  std::size_t said() const { return said_; }  // octets
  bool is_cut_off() {
    std::byte buffer[4096];
    using IoState = loop::IoResult::State;
    auto state = IoState::kMoved;
    while (state == IoState::kMoved) state = socket_->read(buffer).state;
    return state != IoState::kBlocked;
  }

 private:
  // While the service has not read for so many turns of its loop, it will not.
  static constexpr int kPatience = 200;

  bool write(Bytes octets) {
    for (int turns = 0; turns < kPatience && !octets.empty(); ++turns) {
      const auto put = socket_->write(octets);
      if (put.state == loop::IoResult::State::kFailed) return false;
      if (put.state == loop::IoResult::State::kMoved) {
        octets = octets.subspan(put.count);
        said_ += put.count;
        turns = 0;
      }
      bool ran = false;
      (void)lab_.until([&] { return std::exchange(ran, true); });
    }
    return octets.empty();
  }

  ServiceLab& lab_;
  std::unique_ptr<loop::TcpSocket> socket_;
  std::optional<session::RecordSealer> sealer_;
  std::size_t said_ = 0;
};

}  // namespace culvert::service
