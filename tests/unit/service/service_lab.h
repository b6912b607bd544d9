// A whole service on a loopback port of the kernel's choice, and endpoints that talk to it, in one
// loop. Nothing sleeps: until() runs the loop until something is so, for 10 s at most.
#pragma once
#include <gtest/gtest.h>

#include <functional>

#include "service/service.h"
#include "temporary_directory.h"
#include "tests/unit/resolver/name_server.h"
#include "tunnel/loop/tcp_socket.h"

namespace culvert::service {

class ServiceLab final : private Service::Listener, private loop::Timer::Listener {
 public:
  explicit ServiceLab(const std::vector<std::string>& allow = {}, Limits limits = {},
                      const std::function<void(Config&)>& more = {});
  ~ServiceLab();

  template <class Condition>
  [[nodiscard]] bool until(Condition condition) {
    bool late = false;
    const auto end = loop::Loop::precise_now() + std::chrono::seconds{10};
    while (!condition() && !late) {
      timer_.start(std::chrono::milliseconds{20});
      loop_.run_once();
      late = loop::Loop::precise_now() > end;
    }
    return !late;
  }
  void restart();                       // on another port, with the same state directory
  Config& config() { return config_; }  // of the next restart()
  // As `systemctl restart` does; `meanwhile` is called while no service runs.
  void hand_over(const std::function<void(restart::Estate&)>& meanwhile = {});
  void stop();

  loop::Loop& loop() { return loop_; }
  Service& service() { return *service_; }
  Random& random() { return random_; }
  resolver::NameServer& names() { return names_; }
  Store& side_store();  // as a command beside the service has it
  const crypto::PublicKey& key() const { return key_; }
  EndpointRecord record_of(const std::string& name);
  control::EnrolmentSecret invite(const std::string& name);
  std::unique_ptr<loop::TcpSocket> dial();

 private:
  void start(restart::Estate estate = {});
  void on_ready(const std::vector<SocketAddress>& addresses) override { at_ = addresses.at(0); }
  void on_stopped(const Result<void>& why) override;
  void on_timer(loop::Timer&) override {}

  TemporaryDirectory directory_;
  SystemRandom random_;
  loop::Loop loop_;
  resolver::NameServer names_{loop_};
  Config config_;
  crypto::PublicKey key_;
  SocketAddress at_;
  bool stopped_ = false;
  loop::Timer timer_;
  std::unique_ptr<SqliteStore> side_store_;
  std::optional<Service> service_;
};

// For tests of what sessions on different loops do, and those on the service's own.
inline const auto kThreadCounts = testing::Values<std::size_t>(0, 1, 3);
inline std::string name_of_threads(const testing::TestParamInfo<std::size_t>& count) {
  return "Threads" + std::to_string(count.param);
}

// Sends one hello by hand and keeps what comes back.
class RawGreeting final : private loop::BytePipe::Listener {
 public:
  RawGreeting(ServiceLab& lab, const crypto::KeyPair& self, const control::Hello& hello);
  RawGreeting(ServiceLab& lab, ByteVector packet);  // a recorded one
  const ByteVector& packet() const { return packet_; }
  bool answered() const { return answer_ || ended_; }
  bool ended_without_answer() const { return ended_ && !answer_; }
  const control::HelloAnswer& answer() const { return *answer_; }

 private:
  void send(ServiceLab& lab);
  void on_readable() override;
  void on_writable() override {}
  void on_broken(int) override { ended_ = true; }

  std::optional<session::InitiatorHandshake> handshake_;
  ByteVector packet_, received_;
  std::optional<control::HelloAnswer> answer_;
  bool ended_ = false;
  std::unique_ptr<loop::TcpSocket> socket_;
};

class TestEndpoint final : private session::SessionLink::Listener,
                           private session::SessionLink::StreamHandler {
 public:
  TestEndpoint(ServiceLab& lab, std::string name);
  control::HelloAnswer enrol();  // with a new invitation
  void connect() { connect_by(lab_.dial()); }
  void connect_by(std::unique_ptr<loop::BytePipe> pipe);
  void go_on(const session::LinkSnapshot& from);  // instead of connect(); the stream is still ours
  void forward(const std::string& host, std::uint16_t port, std::string_view first_bytes);
  void write(std::string_view text);  // on the forwarded stream
  std::optional<control::Found> look_up(control::Lookup::Kind kind, const std::string& name);
  control::Hello hello(control::Purpose purpose) const;

  const std::string name;
  crypto::KeyPair key;
  ByteVector certificate;
  Duration grace{};  // for connect()
  std::optional<session::SessionLink> link;
  bool up = false;
  std::optional<Error> down;
  int carriers_lost = 0, carriers_resumed = 0;
  std::vector<control::Message> messages;
  bool accepted = false;
  std::optional<Error> reset;
  std::string received;                                               // on the forwarded stream
  std::function<void(mux::StreamId, const control::Target&)> opened;  // by the service

 private:
  void on_session_up(session::SessionLink&) override { up = true; }
  void on_stream_opened(session::SessionLink&, mux::StreamId stream,
                        const control::Target& target) override {
    if (opened) opened(stream, target);
  }
  void on_control(session::SessionLink&, const control::Message& message) override {
    messages.push_back(message);
  }
  void on_session_down(session::SessionLink&, const Error& why) override { down = why; }
  void on_carrier_lost(session::SessionLink&, const Error&) override { ++carriers_lost; }
  void on_carrier_attached(session::SessionLink&) override { ++carriers_resumed; }
  void on_stream_accepted() override { accepted = true; }
  void on_stream_readable() override;
  void on_stream_writable() override {}
  void on_stream_reset(const Error& why) override { reset = why; }

  session::SessionLink::Initiator initiator() const;

  ServiceLab& lab_;
  mux::StreamId stream_{};
};

}  // namespace culvert::service
