// The openssl program as the other side of a TLS layer, over loopback, for tests.
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/unit/tunnel/carrier/tls_parties.h"
#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::carrier {

inline constexpr auto kOpenssl = "/usr/bin/openssl";
inline constexpr int kPatience = 20'000;  // milliseconds, for a loaded machine

inline bool is_ready(int fd, short events) {
  pollfd wanted{fd, events, 0};
  return poll(&wanted, 1, kPatience) == 1;
}

inline std::string read_some(int fd) {
  char buffer[16384];
  if (!is_ready(fd, POLLIN)) return {};
  const auto count = ::read(fd, buffer, sizeof buffer);
  return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : std::string();
}

// openssl with its standard input and output on pipes, or its input from a file.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments, const std::string& input_file = {}) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return;
    std::vector<char*> raw;
    raw.reserve(arguments.size() + 1);
    for (auto& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(input_file.empty() ? in[0] : open(input_file.c_str(), O_RDONLY | O_CLOEXEC), 0);
      dup2(out[1], 1);
      dup2(out[1], 2);
      execv(kOpenssl, raw.data());
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    input_.reset(in[1]);
    output_.reset(out[0]);
  }
  ~Program() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void say(std::string_view text) const {
    EXPECT_EQ(::write(input_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  bool wait_for(std::string_view text) {
    while (heard_.find(text) == std::string::npos)
      if (!hear_more()) return false;
    return true;
  }
  bool hear_more() {
    const auto more = read_some(output_.get());
    heard_ += more;
    return !more.empty();
  }
  const std::string& heard() const { return heard_; }
  int output() const { return output_.get(); }

 private:
  pid_t pid_ = -1;
  UniqueFd input_, output_;
  std::string heard_;
};

inline void flush(TlsLayer& layer, int fd) {
  while (!layer.pending_output().empty()) {
    const auto wire = layer.pending_output();
    const auto sent = send(fd, wire.data(), wire.size(), MSG_NOSIGNAL);
    ASSERT_GT(sent, 0);
    layer.output_sent(static_cast<std::size_t>(sent));
  }
}

// Runs `layer` over a blocking socket until `enough`.
template <class Condition>
void pump(TlsLayer& layer, int fd, Condition enough) {
  flush(layer, fd);
  while (!enough()) {
    const auto wire = read_some(fd);
    ASSERT_FALSE(wire.empty()) << "openssl went away";
    const auto received = layer.receive(as_bytes(wire));
    ASSERT_TRUE(received) << received.error().detail;
    flush(layer, fd);
  }
}

// Sends `text` through `layer` and collects what comes in `got` until `enough`, while openssl is
// listened to: neither side can wait for the other.
template <class Condition>
void exchange(TlsLayer& layer, int fd, Program& program, std::string_view text, std::string& got,
              Condition enough) {
  std::string wire(65536, 0);
  while (!text.empty() || !layer.pending_output().empty() || !enough()) {
    if (!text.empty()) text.remove_prefix(layer.write(as_bytes(text)).value());
    const bool full = !layer.pending_output().empty();
    pollfd polled[] = {{fd, static_cast<short>(full ? POLLIN | POLLOUT : POLLIN), 0},
                       {program.output(), POLLIN, 0}};
    if (poll(polled, 2, kPatience) <= 0) break;
    if ((polled[1].revents & POLLIN) != 0) program.hear_more();
    if ((polled[0].revents & POLLOUT) != 0) {
      const auto pending = layer.pending_output();
      const auto sent = send(fd, pending.data(), pending.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) layer.output_sent(static_cast<std::size_t>(sent));
    }
    if ((polled[0].revents & POLLIN) == 0) continue;
    const auto count = recv(fd, wire.data(), wire.size(), MSG_DONTWAIT);
    if (count == 0) break;
    if (count < 0) continue;
    const auto received = layer.receive(as_bytes(wire).first(static_cast<std::size_t>(count)));
    EXPECT_TRUE(received) << received.error().detail;
    if (!received) break;
    got += take_text(layer);
  }
}

// In order, both ways.
inline void end_both(TlsLayer& layer, int fd, Program& program) {
  ASSERT_TRUE(layer.end_writing());
  std::string late;
  exchange(layer, fd, program, {}, late, [&] { return layer.peer_ended(); });
  EXPECT_TRUE(layer.peer_ended());
  EXPECT_EQ(late, "");
}

inline UniqueFd tcp_socket() { return UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

class TlsInterop : public testing::Test {
 protected:
  void SetUp() override {
    if (access(kOpenssl, X_OK) != 0) GTEST_SKIP() << "no openssl here";
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    std::ranges::replace(name, '/', '-');
    directory_ = std::filesystem::temp_directory_path() /
                 ("culvert-tls-" + std::to_string(getpid()) + "-" + name);
    std::filesystem::create_directory(directory_);
    std::ofstream(directory_ / "cert.pem") << test_identity().certificate_pem;
    std::ofstream(directory_ / "key.pem") << test_identity().key_pem;
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  std::string file(const char* name) const { return (directory_ / name).string(); }

  // Where s_client is to connect to.
  std::string listen_on_loopback() {
    sockaddr_storage storage{};
    const auto length = SocketAddress{IpAddress::v4(INADDR_LOOPBACK), 0}.fill(storage);
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    listener_ = tcp_socket();
    EXPECT_EQ(bind(listener_.get(), address, length), 0);
    EXPECT_EQ(listen(listener_.get(), 1), 0);
    socklen_t size = sizeof storage;
    EXPECT_EQ(getsockname(listener_.get(), address, &size), 0);
    return SocketAddress::from(address).to_string();
  }
  UniqueFd accept_one() const {
    if (!is_ready(listener_.get(), POLLIN)) return {};
    return UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  // To an s_server that was told to accept on port 0.
  static UniqueFd connect_to(Program& server) {
    if (!server.wait_for("ACCEPT ")) return {};
    const auto at = server.heard().find("ACCEPT ") + 7;
    while (server.heard().find('\n', at) == std::string::npos)
      if (!server.hear_more()) return {};
    const auto address =
        SocketAddress::parse(server.heard().substr(at, server.heard().find('\n', at) - at));
    if (!address) return {};
    auto connection = tcp_socket();
    sockaddr_storage storage{};
    const auto length = address->fill(storage);
    if (connect(connection.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) return {};
    return connection;
  }

  std::filesystem::path directory_;
  UniqueFd listener_;
};

}  // namespace culvert::carrier
