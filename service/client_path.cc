#include "service/client_path.h"

#include "tunnel/base/log.h"
#include "tunnel/mux/arrived_batch.h"

namespace culvert::service {
namespace {

TimePoint now() { return loop::Loop::precise_now(); }

}  // namespace

ClientPath::ClientPath(loop::Loop& loop, loop::Mailbox& mailbox, PathPackets& packets,
                       session::SessionLink& link, Listener& listener)
    : Deferred(loop),
      packets_(packets),
      link_(link),
      listener_(listener),
      door_(*this, mailbox),
      core_(packets.make_path(door_)),
      timer_(loop, *this) {
  link_.set_datagram_path(this);
}

ClientPath::~ClientPath() {
  link_.set_datagram_path(nullptr);
  packets_.remove(core_.name());
  door_.remote().forget();
}

void ClientPath::take(const control::PathOffer& offer, const std::optional<SocketAddress>& seen,
                      std::vector<IpAddress> stated) {
  if (offer.round == 0 || !seen) return;
  if (begun_at_ != TimePoint{} && now() - begun_at_ < Duration{kLeastPause}) return;
  begun_at_ = now();
  if (const auto from = seen->ip.canonical(); endpoint_ != from) {
    patience_.reset();
    endpoint_ = from;
  }
  theirs_ = offer;
  core_.set_peer(offer, /*own_is_caller=*/false);
  auto answer = core_.own_offer();
  answer.round = offer.round;
  answer.beside = offer.beside && core_.up();
  for (const auto& place : packets_.places())
    answer.candidates.push_back({control::Candidate::Kind::kServerReflexive,
                                 control::Candidate::Transport::kUdp, place.at});
  link_.send(answer);
  ground_.peer_seen = endpoint_;
  ground_.peer_stated = std::move(stated);
  std::vector<path::Target> targets;
  for (const auto& dial : punch::udp_dials(offer.candidates, ground_))
    if (const auto socket = packets_.socket_for(dial.to.ip))
      targets.push_back({{*socket, dial.to}, /*once=*/false, dial.rank});
  if (answer.beside)
    core_.probe_beside(targets, now());
  else
    core_.probe(targets, now(), targets.empty() ? Duration{kRoundInVain} : path::Path::kRound);
  schedule();
}

void ClientPath::take(const control::PathSeen& seen) {
  if (seen.path != core_.name()) return;
  core_.seen(seen.counter, now());
  schedule();
}

bool ClientPath::carry(mux::StreamId stream, Bytes datagram) {
  if (!core_.up()) {
    want();
    return false;
  }
  if (datagram.size() + path::kDatagramOverhead > core_.most_octets()) return false;
  core_.send(static_cast<std::uint32_t>(stream), datagram, now());
  schedule();
  return true;
}

void ClientPath::want() {
  if (core_.state() != path::Path::State::kResting || now() < rest_until_ || !link_.attached())
    return;
  rest_until_ = now() + Duration{std::chrono::seconds{2}};
  control::PathOffer please = core_.own_offer();
  please.round = 0;
  link_.send(please);
}

void ClientPath::on_path_packets(std::size_t socket, const SocketAddress& from,
                                 const Parcel& packets) {
  if (!punch::may_hear(from.ip, ground_)) return;
  mux::ArrivedBatch batch;
  packets.for_each([&](Bytes packet) {
    if (const auto datagram = core_.receive(packet, {socket, from}, now()))
      batch.keep(static_cast<mux::StreamId>(datagram->stream), datagram->data);
  });
  batch.hand_over([this](const auto& arrived) { link_.take_datagrams(arrived); });
  schedule();
}

void ClientPath::on_timer(loop::Timer&) {
  armed_for_.reset();
  core_.tick(now());
  schedule();
}

void ClientPath::run_deferred() {
  if (const auto counter = core_.take_seen(); counter && theirs_)
    link_.send(control::PathSeen{theirs_->path, *counter});
  const auto output = core_.take_output();
  for (std::size_t i = 0; i < output.size();) {
    const auto& route = output[i].route;
    std::vector<Bytes> together;
    while (i < output.size() && output[i].route == route) together.push_back(output[i++].octets);
    packets_.send(route.socket, route.peer, together);
  }
  look_at_state();
  arm();
}

void ClientPath::look_at_state() {
  using State = path::Path::State;
  const auto before = std::exchange(was_, core_.state());
  if (before == core_.state()) return;
  if (core_.up()) {
    up_since_ = now();
    log::info("udp", {{"event", "up"}, {"with", core_.route().peer.to_string()}});
    return listener_.on_client_path_changed();
  }
  if (core_.state() == State::kResting && before == State::kProbing)
    rest_until_ = now() + patience_.failed();
  if (before != State::kUp) return;
  const bool idle = core_.ended() == path::Path::Ended::kIdle;
  rest_until_ = now() + (idle ? Duration::zero() : patience_.lost(now() - up_since_));
  log::info("udp", {{"event", "down"},
                    {"with", core_.route().peer.to_string()},
                    {"why", idle ? "not used" : "no answer"}});
  listener_.on_client_path_changed();
}

void ClientPath::arm() {
  const auto deadline = core_.next_deadline();
  if (!deadline || (armed_for_ && *armed_for_ <= *deadline)) return;
  armed_for_ = deadline;
  timer_.start(std::max(*deadline - now(), Duration::zero()));
}

}  // namespace culvert::service
