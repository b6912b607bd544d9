#include "service/discovery.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tunnel/loop/tcp_socket.h"

namespace culvert::service {
namespace {

constexpr int kBatch = 64;  // datagrams of a turn of the loop: the sessions have their turn, too

stun::Servers servers_of(const DiscoveryConfig& config) {
  return {config.advertised.empty() ? config.addresses : config.advertised, config.ports};
}

}  // namespace

class Discovery::Datagrams final : private loop::FdWatch::Listener {
 public:
  Datagrams(Discovery& owner, stun::Door door) : owner_(owner), door_(door) {}

  Result<void> bind(const SocketAddress& at) {
    sockaddr_storage address{};
    const auto length = at.fill(address);
    fd_.reset(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd_ || ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
      return fail(ErrorCode::kIo, "UDP " + at.to_string() + ": " + std::strerror(errno));
    watch_.emplace(owner_.loop_, fd_.get(), static_cast<loop::FdWatch::Listener&>(*this));
    watch_->start(/*readable=*/true, /*writable=*/false);
    return {};
  }
  // What the socket has no room for is dropped, as UDP is.
  void send(const SocketAddress& to, Bytes message) {
    sockaddr_storage address{};
    const auto length = to.fill(address);
    (void)::sendto(fd_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                   reinterpret_cast<sockaddr*>(&address), length);
  }

 private:
  void on_fd_ready(loop::FdWatch&, bool, bool) override {
    std::byte buffer[stun::kMostOctets + 1];
    for (int i = 0; i < kBatch; ++i) {
      sockaddr_storage address{};
      socklen_t length = sizeof address;
      const auto count = ::recvfrom(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT,
                                    reinterpret_cast<sockaddr*>(&address), &length);
      if (count < 0) return;  // nothing more, or an ICMP message about an earlier answer
      const auto from = SocketAddress::from(reinterpret_cast<sockaddr*>(&address));
      const auto answer = owner_.responder_.answer_datagram(
          Bytes{buffer}.first(static_cast<std::size_t>(count)), from, door_, owner_.loop_.now());
      if (!answer) continue;
      const auto ports = owner_.responder_.servers().ports.size();
      owner_.datagrams_[answer->from.address * ports + answer->from.port]->send(answer->to,
                                                                                answer->message);
    }
  }

  Discovery& owner_;
  stun::Door door_;
  UniqueFd fd_;
  std::optional<loop::FdWatch> watch_;
};

// A client may ask more than once; each answer is written before the next question is read.
class Discovery::Connection final : private loop::BytePipe::Listener,
                                    private loop::Timer::Listener {
 public:
  Connection(Discovery& owner, stun::Door door, UniqueFd fd, const SocketAddress& peer)
      : from(peer),
        owner_(owner),
        door_(door),
        pipe_(std::make_unique<loop::TcpSocket>(owner.loop_, std::move(fd))),
        timer_(owner.loop_, *this) {
    pipe_->set_listener(this);
    pipe_->set_interest(/*readable=*/true, /*writable=*/false);
    timer_.start(kConnectionLimit);
  }
  const SocketAddress from;

 private:
  void on_readable() override {
    std::byte buffer[stun::kMostOctets];
    const auto got = pipe_->read(MutableBytes{buffer}.first(sizeof buffer - received_.size()));
    using State = loop::IoResult::State;
    if (got.state == State::kBlocked) return;
    if (got.state != State::kMoved) return owner_.remove(*this);
    append(received_, Bytes{buffer}.first(got.count));
    timer_.start(kConnectionLimit);
    if (!answer_all()) owner_.remove(*this);
  }
  bool answer_all() {
    while (received_.size() >= stun::kHeader) {
      const auto size = stun::size_of_message(received_);
      if (!size) return false;
      if (received_.size() < *size) return true;
      const auto answer =
          owner_.responder_.answer_stream(Bytes{received_}.first(*size), from, door_);
      if (!answer) return false;
      // Who does not read his answers loses the connection: nothing is kept for him.
      const auto put = pipe_->write(*answer);
      if (put.state != loop::IoResult::State::kMoved || put.count != answer->size()) return false;
      received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(*size));
    }
    return true;
  }
  void on_writable() override {}
  void on_broken(int) override { owner_.remove(*this); }
  void on_timer(loop::Timer&) override { owner_.remove(*this); }

  Discovery& owner_;
  stun::Door door_;
  std::unique_ptr<loop::BytePipe> pipe_;
  ByteVector received_;
  loop::Timer timer_;
};

class Discovery::Streams final : private loop::TcpListener::Listener {
 public:
  Streams(Discovery& owner, stun::Door door)
      : owner_(owner), door_(door), listener_(owner.loop_, *this) {}
  Result<void> listen(const SocketAddress& at) { return listener_.listen(at); }

 private:
  void on_accepted(UniqueFd fd, const SocketAddress& peer) override {
    if (owner_.has_room(peer))
      owner_.connections_.push_back(
          std::make_unique<Connection>(owner_, door_, std::move(fd), peer));
  }
  Discovery& owner_;
  stun::Door door_;
  loop::TcpListener listener_;
};

Discovery::Discovery(loop::Loop& loop, const DiscoveryConfig& config)
    : loop_(loop), bound_(config.addresses), responder_(servers_of(config)) {}

Discovery::~Discovery() = default;

Result<void> Discovery::start() {
  const auto& ports = responder_.servers().ports;
  Result<void> outcome;
  for (std::size_t address = 0; address < bound_.size() && outcome; ++address) {
    for (std::size_t port = 0; port < ports.size() && outcome; ++port) {
      const stun::Door door{address, port};
      const SocketAddress at{bound_[address], ports[port]};
      datagrams_.push_back(std::make_unique<Datagrams>(*this, door));
      outcome = datagrams_.back()->bind(at);
      if (!outcome) break;
      streams_.push_back(std::make_unique<Streams>(*this, door));
      outcome = streams_.back()->listen(at);
    }
  }
  if (outcome) return {};
  datagrams_.clear();
  streams_.clear();
  return fail(ErrorCode::kIo,
              "discovery: " + outcome.error().detail +
                  "; stop what uses that port (coturn does), or change [discovery]");
}

bool Discovery::has_room(const SocketAddress& peer) const {
  const auto of_same =
      std::ranges::count_if(connections_, [&](const auto& one) { return one->from.ip == peer.ip; });
  return connections_.size() < kMostConnections &&
         static_cast<std::size_t>(of_same) < kMostOfOneAddress;
}

void Discovery::remove(Connection& connection) {
  std::erase_if(connections_, [&](const auto& one) { return one.get() == &connection; });
}

}  // namespace culvert::service
