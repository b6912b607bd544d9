#include "agent/direct_answerer.h"

#include "agent/peer_statements.h"
#include "tunnel/punch/preamble.h"

namespace culvert::agent {

DirectAnswerer::DirectAnswerer(const OwnEndpoint& self, const OwnPlace& place, UdpPlace& udp,
                               session::SessionLink& link, const crypto::PublicKey& peer,
                               Listener& listener)
    : self_(self), place_(place), udp_(udp), link_(link), peer_(peer), listener_(listener) {}

void DirectAnswerer::take(const control::Offer& offer,
                          const std::optional<SocketAddress>& caller_seen) {
  const auto now = self_.loop.now();
  if (answered_at_ != TimePoint{} && now - answered_at_ < kLeastPause) return;
  answered_at_ = now;
  udp_.renew();
  caller_token_ = offer.token;
  dialling_.clear();
  const auto stated = stated_addresses(self_, peer_, offer.statements);
  const auto dials = punch::tcp_dials(offer, place_.ground(caller_seen, stated));
  auto port = punch::asks_for_web_port(offer) ? place_.web_port() : std::uint16_t{0};
  if (port == 0) port = place_.port();
  send_offer(offer.round, port);
  for (const auto& dial : dials)
    dialling_.push_back(std::make_unique<DirectDial>(self_.loop, dial, port,
                                                     static_cast<DirectDial::Listener&>(*this)));
}

void DirectAnswerer::place_changed() { send_offer(0, place_.port()); }

void DirectAnswerer::send_offer(std::uint32_t round, std::uint16_t port) {
  control::OfferToken unused;  // nobody dials back to who was called
  self_.random.fill(unused);
  link_.send(place_.offer(round, unused, port));
}

void DirectAnswerer::on_direct_dialled(DirectDial& dial, std::unique_ptr<loop::BytePipe> pipe) {
  const auto what = dial.dial();
  std::erase_if(dialling_, [&](const auto& one) { return one.get() == &dial; });
  if (!pipe) return;
  const auto preamble = punch::reversed_preamble(caller_token_);
  const auto put = pipe->write(preamble);  // into an empty socket: whole, or it is broken
  if (put.state != loop::IoResult::State::kMoved || put.count != preamble.size()) return;
  listener_.on_dialled_back(std::move(pipe),
                            {what.punch ? "punched" : "reversed", what.to.to_string()});
}

}  // namespace culvert::agent
