#include "resolver/dns_server.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace culvert::resolver {

class DnsServer::Datagram final : public DnsAsker {
 public:
  Datagram(std::shared_ptr<UniqueFd> socket, ByteVector message, const SocketAddress& from)
      : DnsAsker(std::move(message), from, /*by_tcp=*/false), socket_(std::move(socket)) {}
  void answer(Bytes message) override {
    sockaddr_storage to{};
    const auto length = from().fill(to);
    sendto(socket_->get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
           reinterpret_cast<sockaddr*>(&to), length);
  }

 private:
  std::shared_ptr<UniqueFd> socket_;
};

DnsServer::DnsServer(loop::Loop& loop, Handler& handler)
    : loop_(loop),
      handler_(handler),
      tcp_(loop, static_cast<loop::TcpListener::Listener&>(*this)),
      idle_(loop, *this) {}

DnsServer::~DnsServer() {
  for (const auto& client : clients_) client->close();
}

Result<UniqueFd> DnsServer::bind_udp(const SocketAddress& at) {
  sockaddr_storage address{};
  const auto length = at.fill(address);
  UniqueFd fd(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
    const int error = errno;
    return fail(from_errno(error),
                "cannot bind " + at.to_string() + " (UDP): " + std::strerror(error));
  }
  return fd;
}

Result<void> DnsServer::listen(const SocketAddress& at) {
  // The TCP port first: where the kernel chooses it, it is mostly free for UDP too.
  constexpr int kTries = 8;
  Result<UniqueFd> udp;
  for (int i = 0; i < (at.port == 0 ? kTries : 1); ++i) {
    CULVERT_RETURN_IF_ERROR(tcp_.listen(at));
    udp = bind_udp(tcp_.address());
    if (udp) break;
  }
  if (!udp) return fail(udp.error());
  udp_ = std::make_shared<UniqueFd>(std::move(*udp));
  watch_.emplace(loop_, udp_->get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
  return {};
}

void DnsServer::on_fd_ready(loop::FdWatch&, bool, bool) {
  std::array<std::byte, DnsFraming::kLargest> octets;
  for (int i = 0; i < kAtOnce; ++i) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const auto size = recvfrom(udp_->get(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_TRUNC,
                               reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0 || static_cast<std::size_t>(size) > octets.size()) continue;
    const auto message = Bytes{octets}.first(static_cast<std::size_t>(size));
    handler_.on_dns_message(
        std::make_unique<Datagram>(udp_, ByteVector(message.begin(), message.end()),
                                   SocketAddress::from(reinterpret_cast<sockaddr*>(&from))));
  }
}

void DnsServer::on_accepted(UniqueFd fd, const SocketAddress& peer) {
  if (clients_.size() >= kMostConnections) {  // who has been idle longest makes room
    clients_.front()->close();
    clients_.pop_front();
  }
  clients_.push_back(std::make_shared<DnsTcpClient>(loop_, std::move(fd), peer,
                                                    static_cast<DnsTcpClient::Listener&>(*this)));
  clients_.back()->start();
  if (!idle_.running()) idle_.start(kIdle);
}

void DnsServer::on_dns_message(std::unique_ptr<DnsAsker> asker) {
  handler_.on_dns_message(std::move(asker));
}

void DnsServer::on_dns_client_gone(DnsTcpClient& client) {
  std::erase_if(clients_, [&](const auto& one) { return one.get() == &client; });
}

void DnsServer::on_timer(loop::Timer&) {
  const auto before = loop_.now() - Duration{kIdle};
  std::erase_if(clients_, [&](const auto& client) {
    if (!client->idle_since(before)) return false;
    client->close();
    return true;
  });
  if (!clients_.empty()) idle_.start(kIdle);
}

}  // namespace culvert::resolver
