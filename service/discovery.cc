#include "service/discovery.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "service/strangers.h"
#include "tunnel/loop/tcp_socket.h"
#include "tunnel/loop/udp_socket.h"

namespace culvert::service {
namespace {

constexpr std::size_t kLargest = 2048;  // longer than any STUN message or packet of a path

stun::Servers servers_of(const DiscoveryConfig& config) {
  return {config.advertised.empty() ? config.addresses : config.advertised, config.ports};
}

}  // namespace

class Discovery::Datagrams final : private loop::UdpSocket::Listener {
 public:
  Datagrams(Discovery& owner, stun::Door door)
      : owner_(owner),
        door_(door),
        number_(owner.number_of(door)),
        serves_paths_(owner.serves_paths(door)) {}

  Result<void> bind(const SocketAddress& at) {
    sockaddr_storage address{};
    const auto length = at.fill(address);
    auto fd = loop::make_udp_socket(address.ss_family);
    if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
      return fail(ErrorCode::kIo, "UDP " + at.to_string() + ": " + std::strerror(errno));
    socket_.emplace(owner_.loop_, std::move(fd), static_cast<loop::UdpSocket::Listener&>(*this));
    return {};
  }
  // What the socket has no room for is dropped, as UDP is.
  void send(const SocketAddress& to, const std::vector<Bytes>& messages) {
    loop::UdpWriter writer(socket_->fd(), &to);
    for (const auto message : messages) writer.add(message);
  }

 private:
  void on_received(loop::UdpSocket&, const SocketAddress& from, Bytes data,
                   std::size_t segment) override {
    loop::for_each_datagram(data, segment, [&](Bytes one) { take(from, one); });
  }
  void on_receive_failed(loop::UdpSocket&, int) override {}  // ICMP, about an earlier answer
  void on_batch_ended(loop::UdpSocket&) override {
    if (serves_paths_) owner_.path_packets_.batch_ended();
  }
  void take(const SocketAddress& from, Bytes packet) {
    if (packet.size() > kLargest) return;
    if (serves_paths_ && owner_.path_packets_.take(number_, from, packet)) return;
    const auto answer = owner_.responder_.answer_datagram(packet, from, door_, owner_.loop_.now());
    if (!answer) return;
    owner_.datagrams_[owner_.number_of(answer->from)]->send(answer->to, {answer->message});
  }

  Discovery& owner_;
  stun::Door door_;
  const std::size_t number_;
  const bool serves_paths_;
  std::optional<loop::UdpSocket> socket_;
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
    if (!answer_all()) owner_.remove(*this);
  }
  bool answer_all() {
    while (received_.size() >= stun::kHeader) {
      const auto size = stun::size_of_message(received_);
      if (!size) return false;
      if (received_.size() < *size) return true;
      const auto answer = owner_.responder_.answer_stream(Bytes{received_}.first(*size), from,
                                                          door_, owner_.loop_.now());
      if (!answer) return false;
      // Who does not read his answers loses the connection: nothing is kept for him.
      const auto put = pipe_->write(*answer);
      if (put.state != loop::IoResult::State::kMoved || put.count != answer->size()) return false;
      received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(*size));
      timer_.start(kConnectionLimit);
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

Discovery::Discovery(loop::Loop& loop, const DiscoveryConfig& config, PathPackets& path_packets,
                     const stun::AddressProofs& proofs)
    : loop_(loop),
      bound_(config.addresses),
      responder_(servers_of(config), &proofs),
      path_packets_(path_packets) {}

Discovery::~Discovery() { path_packets_.set_sender(nullptr); }

void Discovery::send_path_packets(std::size_t socket, const SocketAddress& to,
                                  const std::vector<Bytes>& packets) {
  if (socket < datagrams_.size()) datagrams_[socket]->send(to, packets);
}

std::size_t Discovery::number_of(stun::Door door) const {
  return door.address * responder_.servers().ports.size() + door.port;
}

bool Discovery::serves_paths(stun::Door door) const {
  const auto of_family = [&](const IpAddress& one) {
    return one.is_v4() == bound_[door.address].is_v4();
  };
  return std::ranges::find_if(bound_, of_family) ==
         bound_.begin() + static_cast<std::ptrdiff_t>(door.address);
}

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
  if (outcome) {
    std::vector<PathPackets::Place> places;
    for (std::size_t address = 0; address < bound_.size(); ++address)
      for (std::size_t port = 0; port < ports.size(); ++port)
        if (const stun::Door door{address, port}; serves_paths(door))
          places.push_back({number_of(door), responder_.servers().at(door)});
    path_packets_.set_sender(places.empty() ? nullptr : this, places);
    return {};
  }
  datagrams_.clear();
  streams_.clear();
  return fail(ErrorCode::kIo,
              "discovery: " + outcome.error().detail +
                  "; stop what uses that port (coturn does), or change [discovery]");
}

bool Discovery::has_room(const SocketAddress& peer) const {
  const auto of_same = std::ranges::count_if(
      connections_, [&](const auto& one) { return source_of(one->from.ip) == source_of(peer.ip); });
  return connections_.size() < kMostConnections &&
         static_cast<std::size_t>(of_same) < kMostOfOneSource;
}

void Discovery::remove(Connection& connection) {
  std::erase_if(connections_, [&](const auto& one) { return one.get() == &connection; });
}

}  // namespace culvert::service
