// The TLS layer against the openssl program over loopback. Skipped where that is not installed.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/tunnel/carrier/tls_parties.h"
#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::carrier {
namespace {

constexpr auto kOpenssl = "/usr/bin/openssl";
constexpr int kPatience = 20'000;  // milliseconds, for a loaded machine

bool is_ready(int fd, short events) {
  pollfd wanted{fd, events, 0};
  return poll(&wanted, 1, kPatience) == 1;
}

std::string read_some(int fd) {
  char buffer[16384];
  if (!is_ready(fd, POLLIN)) return {};
  const auto count = ::read(fd, buffer, sizeof buffer);
  return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : std::string();
}

class Program {  // openssl with its standard input and output on pipes
 public:
  explicit Program(std::vector<std::string> arguments) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return;
    std::vector<char*> raw;
    raw.reserve(arguments.size() + 1);
    for (auto& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], 0);
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
    while (heard_.find(text) == std::string::npos) {
      const auto more = read_some(output_.get());
      if (more.empty()) return false;
      heard_ += more;
    }
    return true;
  }
  const std::string& heard() const { return heard_; }

 private:
  pid_t pid_ = -1;
  UniqueFd input_, output_;
  std::string heard_;
};

// Runs `layer` over a blocking socket until `enough`.
template <class Condition>
void pump(TlsLayer& layer, int fd, Condition enough) {
  const auto flush = [&] {
    while (!layer.pending_output().empty()) {
      const auto wire = layer.pending_output();
      const auto sent = send(fd, wire.data(), wire.size(), MSG_NOSIGNAL);
      ASSERT_GT(sent, 0);
      layer.output_sent(static_cast<std::size_t>(sent));
    }
  };
  flush();
  while (!enough()) {
    const auto wire = read_some(fd);
    ASSERT_FALSE(wire.empty()) << "openssl went away";
    const auto received = layer.receive(as_bytes(wire));
    ASSERT_TRUE(received) << received.error().detail;
    flush();
  }
}

UniqueFd tcp_socket() { return UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

class TlsInterop : public testing::Test {
 protected:
  void SetUp() override {
    if (access(kOpenssl, X_OK) != 0) GTEST_SKIP() << "no openssl here";
    directory_ = std::filesystem::temp_directory_path() /
                 ("culvert-tls-" + std::to_string(getpid()) + "-" +
                  testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directory(directory_);
    std::ofstream(directory_ / "cert.pem") << test_identity().certificate_pem;
    std::ofstream(directory_ / "key.pem") << test_identity().key_pem;
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  std::string file(const char* name) const { return (directory_ / name).string(); }

  std::filesystem::path directory_;
};

TEST_F(TlsInterop, ServesOpensslSClientThatVerifies) {
  auto listener = tcp_socket();
  sockaddr_storage storage{};
  const auto length = SocketAddress{IpAddress::v4(INADDR_LOOPBACK), 0}.fill(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  ASSERT_EQ(bind(listener.get(), address, length), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  socklen_t size = sizeof storage;
  ASSERT_EQ(getsockname(listener.get(), address, &size), 0);

  Program client({"openssl", "s_client", "-connect", SocketAddress::from(address).to_string(),
                  "-servername", kServerName, "-verify_hostname", kServerName, "-CAfile",
                  file("cert.pem"), "-verify_return_error", "-alpn", "h2,http/1.1", "-no_ign_eof"});
  ASSERT_TRUE(is_ready(listener.get(), POLLIN));
  const UniqueFd connection(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(connection);

  TlsParties parties({}, {"http/1.1"});
  auto& layer = *parties.server;
  pump(layer, connection.get(), [&] { return layer.established(); });
  client.say("hello from openssl\n");
  std::string got;
  pump(layer, connection.get(), [&] {
    got += take_text(layer);
    return got.find('\n') != std::string::npos;
  });
  EXPECT_EQ(got, "hello from openssl\n");
  EXPECT_EQ(layer.alpn(), "http/1.1");

  ASSERT_EQ(*layer.write(as_bytes("hello from culvert\n")), 19u);
  pump(layer, connection.get(), [] { return true; });
  EXPECT_TRUE(client.wait_for("hello from culvert"));
  EXPECT_NE(client.heard().find("Verify return code: 0 (ok)"), std::string::npos) << client.heard();
  EXPECT_NE(client.heard().find("ALPN protocol: http/1.1"), std::string::npos);

  client.say("Q\n");  // openssl's way to end
  pump(layer, connection.get(), [&] { return layer.peer_ended(); });
}

TEST_F(TlsInterop, CallsOpensslSServer) {
  Program server({"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", file("cert.pem"),
                  "-key", file("key.pem"), "-rev", "-alpn", "http/1.1"});
  ASSERT_TRUE(server.wait_for("ACCEPT "));
  ASSERT_TRUE(server.wait_for("\n"));
  const auto at = server.heard().find("ACCEPT ") + 7;
  const auto address =
      SocketAddress::parse(server.heard().substr(at, server.heard().find('\n', at) - at));
  ASSERT_TRUE(address) << server.heard();
  const auto connection = tcp_socket();
  sockaddr_storage storage{};
  const auto length = address->fill(storage);
  ASSERT_EQ(connect(connection.get(), reinterpret_cast<sockaddr*>(&storage), length), 0);

  TlsParties parties({{"http/1.1"}, test_identity().certificate_pem});
  auto& layer = *parties.client;
  pump(layer, connection.get(), [&] { return layer.established(); });
  EXPECT_EQ(layer.alpn(), "http/1.1");
  EXPECT_EQ(layer.peer()->subject, "CN=gate.example.net");
  ASSERT_EQ(*layer.write(as_bytes("stressed\n")), 9u);
  std::string got;
  pump(layer, connection.get(), [&] {
    got += take_text(layer);
    return got.find('\n') != std::string::npos;
  });
  EXPECT_EQ(got, "desserts\n");
  ASSERT_TRUE(layer.end_writing());
  pump(layer, connection.get(), [&] { return layer.peer_ended(); });
}

}  // namespace
}  // namespace culvert::carrier
