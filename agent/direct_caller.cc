#include "agent/direct_caller.h"

#include <sodium.h>

#include <algorithm>

#include "agent/peer_statements.h"
#include "agent/preamble_pipe.h"
#include "tunnel/base/log.h"

namespace culvert::agent {

DirectCaller::DirectCaller(const OwnEndpoint& self, const OwnPlace& place, UdpPlace& udp,
                           session::SessionLink& link, const crypto::PublicKey& peer,
                           Listener& listener)
    : self_(self),
      place_(place),
      udp_(udp),
      link_(link),
      peer_(peer),
      listener_(listener),
      second_(
          std::ranges::lexicographical_compare(peer.view(), self.identity.key.public_key.view())),
      limit_(self.loop, *this),
      head_start_(self.loop, *this),
      news_(self.loop, *this) {}

DirectCaller::~DirectCaller() = default;

void DirectCaller::begin() {
  if (direct()) return;
  end_round();
  ++round_;
  begun_at_ = self_.loop.now();
  offered_ = true;
  answered_ = false;
  self_.random.fill(token_);
  udp_.renew();
  own_port_ = choose_port();
  link_.send(place_.offer(round_, token_, own_port_));
  limit_.start(kRoundLimit);
}

// Whatever a barrier remembers of a path that died would keep the peer's SYN out, if that led
// between the same two ports.
std::uint16_t DirectCaller::choose_port() {
  const auto usual = place_.punch_port(second_);
  if (std::exchange(from_web_, false))
    if (const auto web = place_.web_port(); web != 0) return web;
  if (!lost_at_ || !std::exchange(from_fresh_, !from_fresh_)) return usual;
  const auto fresh = place_.punch_port_since(*lost_at_);
  return fresh != 0 ? fresh : usual;
}

void DirectCaller::place_changed() {
  patience_.reset();
  if (direct() || news_.running()) return;
  news_.start(std::max(begun_at_ + Duration{kLeastPause} - self_.loop.now(), Duration::zero()));
}

void DirectCaller::take(const control::Offer& offer,
                        const std::optional<SocketAddress>& peer_seen) {
  peers_inbound_ = offer.inbound;
  if (offer.round == 0) return place_changed();
  if (!offered_ || answered_ || offer.round != round_) return;
  answered_ = true;
  const auto stated = stated_addresses(self_, peer_, offer.statements);
  dials_ = punch::tcp_dials(offer, place_.ground(peer_seen, stated));
  tried_ = punch::families_of(dials_);
  if (offer.candidates.empty())
    why_ = punch::why_not_direct(place_.inbound(), offer.inbound, false);
  dial_some(/*lan=*/true);
  if (dialling_.empty()) return dial_some(/*lan=*/false);
  head_start_.start(kLanHeadStart);
}

void DirectCaller::dial_some(bool lan) {
  for (const auto& dial : dials_)
    if (dial.lan == lan)
      dialling_.push_back(std::make_unique<DirectDial>(self_.loop, dial, own_port_,
                                                       static_cast<DirectDial::Listener&>(*this)));
}

void DirectCaller::on_direct_dialled(DirectDial& dial, std::unique_ptr<loop::BytePipe> pipe) {
  const auto what = dial.dial();
  std::erase_if(dialling_, [&](const auto& one) { return one.get() == &dial; });
  if (pipe && what.punch) pipe = std::make_unique<PreamblePipe>(std::move(pipe), token_);
  if (pipe)
    ready_.push_back({std::move(pipe), {what.punch ? "punched" : "direct", what.to.to_string()}});
  introduce_next();
}

bool DirectCaller::awaits(const control::OfferToken& token) const {
  return offered_ && sodium_memcmp(token.data(), token_.data(), token.size()) == 0;
}

void DirectCaller::take_reversed(std::unique_ptr<loop::BytePipe> pipe, const SocketAddress& from) {
  take_pipe(std::move(pipe), {"reversed", from.to_string()});
}

void DirectCaller::take_pipe(std::unique_ptr<loop::BytePipe> pipe, PeerWay way) {
  if (ready_.size() >= punch::kMostDials) return;
  ready_.push_back({std::move(pipe), std::move(way)});
  introduce_next();
}

void DirectCaller::introduce_next() {
  if (introducing() || ready_.empty() || direct()) return;
  introduced_ = std::move(ready_.front());
  ready_.pop_front();
  introduction_.emplace(self_.loop, std::move(introduced_.pipe),
                        session::Introduction::Who{self_.identity.key, peer_},
                        link_.session_hello(), Bytes{}, kHelloLimit,
                        static_cast<session::Introduction::Listener&>(*this));
}

void DirectCaller::on_introduced(session::Introduction&, session::FreshCarrier carrier) {
  auto way = introduced_.way;
  carrier.keys.direct = true;
  end_round();  // the introduction too: nothing of it is used any more
  direct_since_ = self_.loop.now();
  why_.clear();
  listener_.on_direct_carrier(std::move(carrier), std::move(way));
}

void DirectCaller::on_introduction_failed(session::Introduction&, const Error& why, bool) {
  log::debug("direct", {{"event", "not-introduced"},
                        {"via", introduced_.way.via},
                        {"with", introduced_.way.with},
                        {"why", why.detail}});
  introduction_.reset();
  introduce_next();
}

void DirectCaller::carrier_lost() {
  if (!direct()) return;
  const Duration lived = self_.loop.now() - *direct_since_;
  direct_since_.reset();
  lost_at_ = self_.loop.now();
  from_fresh_ = true;
  why_ = "the direct path was lost; it is tried again";
  rest(patience_.lost(lived));
}

void DirectCaller::on_timer(loop::Timer& timer) {
  if (&timer == &head_start_) return dial_some(/*lan=*/false);
  if (&timer == &news_) return introducing() ? news_.start(kLeastPause) : begin();
  if (!offered_) return begin();
  const bool answered = answered_;
  end_round();
  why_ = punch::why_not_direct(place_.inbound(), peers_inbound_, answered, tried_);
  // There are barriers that let nothing out but what goes to port 443, by UDP nothing at all.
  const bool by_udp = udp_path_ != nullptr && udp_path_->up();
  from_web_ = answered && !by_udp && !web_tried_;
  web_tried_ = from_web_;  // in turns
  const auto pause = from_web_ ? Duration{kLeastPause} : patience_.failed();
  rest(pause);
}

void DirectCaller::rest(Duration pause) {
  end_round();
  limit_.start(pause);
}

void DirectCaller::end_round() {
  offered_ = false;
  limit_.stop();
  head_start_.stop();
  dials_.clear();
  dialling_.clear();
  ready_.clear();
  introduction_.reset();
}

}  // namespace culvert::agent
