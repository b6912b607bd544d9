// tests/unit/service/ftp_client.h: an FTP proxy by hand, before the service.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <random>

#include "service_lab.h"

namespace culvert::service {

class FtpClient {
 public:
  explicit FtpClient(ServiceLab& lab) : lab_(lab), socket_(lab.dial()) {
    socket_->set_interest(/*readable=*/true, /*writable=*/false);
  }
  bool hears(std::string_view word) {
    std::byte buffer[512];
    const auto got = socket_->read(buffer);
    using IoState = loop::IoResult::State;
    if (got.state == IoState::kMoved) heard += as_text(Bytes{buffer}.first(got.count));
    ended_ = ended_ || got.state == IoState::kEnd || got.state == IoState::kFailed;
    return heard.find(word) != heard.npos;
  }
  bool ended() { return hears("") && ended_; }
  void say(std::string_view text) { socket_->write(as_bytes(text)); }
  void say(std::string_view text, std::mt19937& random) {
    while (!text.empty()) {
      const auto cut = std::min<std::size_t>(text.size(), random() % 9 + 1);
      say(text.substr(0, cut));
      text.remove_prefix(cut);
      uv_run(lab_.loop().uv(), UV_RUN_NOWAIT);
    }
  }
  // To the port that was named last.
  std::unique_ptr<loop::TcpSocket> connect_data(std::uint32_t from = INADDR_LOOPBACK) {
    sockaddr_in near{}, far{};
    near.sin_family = far.sin_family = AF_INET;
    near.sin_addr.s_addr = htonl(from);
    far.sin_port = htons(data_port());
    far.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&near), sizeof near), 0);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&far), sizeof far), 0);
    return std::make_unique<loop::TcpSocket>(lab_.loop(), std::move(fd));
  }
  std::uint16_t data_port() const {
    const auto at = heard.rfind("(|||");
    return at == heard.npos ? 0 : static_cast<std::uint16_t>(std::stoi(heard.substr(at + 4)));
  }
  void hang_up() { socket_.reset(); }

  std::string heard;

 private:
  ServiceLab& lab_;
  std::unique_ptr<loop::TcpSocket> socket_;
  bool ended_ = false;
};

}  // namespace culvert::service
