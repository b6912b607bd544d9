#include "agent/udp_witness.h"

#include <algorithm>

#include "tunnel/base/log.h"
#include "tunnel/crypto/address_statement.h"

namespace culvert::agent {
namespace {

constexpr Duration kAfterSilence = std::chrono::seconds{10};

}  // namespace

UdpWitness::UdpWitness(const OwnEndpoint& self, UdpPlace& udp, OwnPlace& place, Listener& listener)
    : self_(self), udp_(udp), place_(place), listener_(listener), timer_(self.loop, *this) {
  udp_.add_ear(*this);
}

UdpWitness::~UdpWitness() { udp_.remove_ear(*this); }

void UdpWitness::on_look() {
  if (asked_at_ && self_.loop.now() - *asked_at_ >= Duration{kAskAgain}) look();
}

void UdpWitness::look() {
  std::vector<stun::Survey::Question> questions;
  for (const bool v4 : {true, false}) {
    if (const auto server = udp_.server_in_reach(v4))
      questions.push_back({0, *server, /*proof=*/true});
    else
      forget(v4);
  }
  if (questions.empty()) return;
  asked_at_ = self_.loop.now();
  survey_.emplace(std::move(questions), self_.random);
  timer_.start(Duration::zero());
}

void UdpWitness::forget(bool v4) {
  place_.forget_stated(v4);
  if (!v4) place_.set_udp_seen_six({});
}

bool UdpWitness::on_stun(const loop::UdpSocket& socket, const SocketAddress& from, Bytes message) {
  if (!survey_ || &socket != udp_.shared(from.ip.is_v4()) || !survey_->receive(message, from))
    return false;
  timer_.start(Duration::zero());
  return true;
}

void UdpWitness::on_timer(loop::Timer&) {
  if (!survey_) return;
  while (const auto one = survey_->next(self_.loop.now())) {
    const auto& server = survey_->questions()[one->question].server;
    if (const auto* const socket = udp_.shared(server.ip.is_v4()))
      send_packets(socket->fd(), server, {one->message});
  }
  if (const auto due = survey_->next_deadline())
    return timer_.start(std::max(*due - self_.loop.now(), Duration::zero()));
  conclude();
}

void UdpWitness::conclude() {
  const auto survey = std::exchange(survey_, std::nullopt);
  for (std::size_t i = 0; i < survey->questions().size(); ++i) {
    const auto& mapped = survey->mapped()[i];
    const auto& server = survey->questions()[i].server;
    const bool v4 = server.ip.is_v4();
    // A family may be there in a moment (RFC 4862), or its answers were lost.
    if (!mapped) asked_at_ = self_.loop.now() - Duration{kAskAgain} + kAfterSilence;
    if (!v4) place_.set_udp_seen_six(mapped);
    // What is stated stays, until that answers.
    const bool other_family = place_.seen() && place_.seen()->ip.is_v4() != v4;
    if (!mapped && other_family)
      by_stream_.emplace(self_, server, static_cast<StreamWitness::Listener&>(*this));
    else if (!mapped)
      place_.forget_stated(v4);
    if (!mapped) continue;
    if (!v4) {
      log::info("udp", {{"event", "place"},
                        {"port", udp_.local(/*v4=*/false).port},
                        {"seen", mapped->to_string()}});
    }
    take_seen(mapped->ip, survey->proofs()[i]);
  }
}

void UdpWitness::take_seen(const IpAddress& seen, const std::optional<stun::AddressProof>& proof) {
  place_.forget_stated(seen.is_v4(), seen);
  const bool known = place_.seen() && place_.seen()->ip == seen;
  if (proof && !known) listener_.on_address_proof({*proof, seen});
}

void UdpWitness::on_stream_seen(const StreamWitness& witness) {
  if (const auto& seen = witness.seen())
    take_seen(seen->ip, witness.proof());
  else
    place_.forget_stated(witness.v4());
  by_stream_.reset();  // last: it is the caller
}

void UdpWitness::take(const control::AddressStated& stated) {
  const auto now = loop::Loop::wall_clock();
  const auto statement = crypto::AddressStatement::verify(
      stated.statement, self_.identity.signing_key, self_.identity.key.public_key, now);
  if (!statement) {
    log::warning("udp", {{"event", "not-stated"}, {"why", statement.error().detail}});
    return;
  }
  if (place_.set_stated(*statement, stated.statement, now)) listener_.on_address_stated();
}

}  // namespace culvert::agent
